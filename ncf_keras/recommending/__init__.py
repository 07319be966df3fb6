"""Lists of items with raw ids and titles: for known users, for new ones, for anybody; and similar items."""

from ncf_keras.recommending.recommender import Recommender, popular_items, recommend

__all__ = ["Recommender", "popular_items", "recommend"]
