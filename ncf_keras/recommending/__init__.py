"""Lists of items with raw ids and titles: for known users, for new ones, for anybody; and similar items."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.recommending.all_users import AllUsers as AllUsers
    from ncf_keras.recommending.recommender import (
        Recommender as Recommender,
        popular_items as popular_items,
        recommend as recommend,
    )

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"all_users": ("AllUsers",), "recommender": ("Recommender", "popular_items", "recommend")},
)
