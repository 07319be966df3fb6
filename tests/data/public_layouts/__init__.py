"""Small made-up files in the exact layouts of public data sets, the commands that read them, what they hold.

Header, delimiter, quotes, line ends, encoding, packing, the order of keys and the name of a file are the
publisher's; every id, text and number is made up. What each file holds was written down by hand.
"""

from tests.data.public_layouts import amazon, events, listens, ratings, steps

# As docs/public_data.md lists them.
TABLE = (
    amazon.AMAZON_2014_RATINGS,
    amazon.AMAZON_2014_REVIEWS,
    amazon.AMAZON_2018_RATINGS,
    amazon.AMAZON_2018_REVIEWS,
    amazon.AMAZON_2023_REVIEWS,
    amazon.AMAZON_2023_SPLIT,
    ratings.YELP,
    ratings.GOODREADS_CSV,
    ratings.GOODREADS_JSON,
    ratings.BOOK_CROSSING,
    ratings.MYANIMELIST,
    ratings.EPINIONS,
    listens.LASTFM_360K,
    listens.LASTFM_1K,
    listens.LASTFM_2K,
    listens.STEAM_200K,
    listens.TASTE_PROFILE,
    events.RETAILROCKET,
    events.TMALL,
    events.TAOBAO,
    events.KUAIREC,
    events.GOWALLA,
    events.FOURSQUARE,
    events.YOOCHOOSE,
    events.DIGINETICA,
    events.HM,
)
PIPED = (steps.STEAM_REVIEWS, steps.RETAILROCKET_BOUGHT, steps.NETFLIX)
IN_PYTHON = (steps.MIND, steps.INSTACART)
