"""Lists of items with raw ids and titles: for known users, for new ones, for anybody; and similar items."""

from ncf_keras.recommending.anybody import recommend_to_anybody
from ncf_keras.recommending.new_users import recommend_for_history
from ncf_keras.recommending.popularity import popular_items
from ncf_keras.recommending.recommend import recommend
from ncf_keras.recommending.similar import similar_items
from ncf_keras.solvers.fold_in import fold_in, with_users

__all__ = [
    "fold_in",
    "popular_items",
    "recommend",
    "recommend_for_history",
    "recommend_to_anybody",
    "similar_items",
    "with_users",
]
