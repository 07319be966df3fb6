"""Amazon of 2014, 2018 and 2023: ratings without a header, reviews in JSON lines, a split in three files."""

import gzip
from typing import Any

from tests.data.public_layouts.layout import REPEATED, Layout, json_lines, lines

# The times are those of days, so that those of a user are often equal.
AMAZON_2014_RATINGS = Layout(
    "ncf prepare ratings_Books.csv --out Data/amazon-2014-books",
    {
        "ratings_Books.csv": lines(
            "A10MADEUP0001,0000000714,4.0,1365033600",
            "A10MADEUP0002,0000000714,5.0,1252022400",
            "A10MADEUP0001,0000000919,1.0,1365033600",
            "A10MADEUP0003,000001234X,2.0,1400112000",
            "A10MADEUP0002,000001234X,3.0,1252108800",
            "A10MADEUP0003,0000000919,2.0,1399852800",
            "A10MADEUP0002,B000MADEUP,5.0,1099872000",
            "AMADEUPONCE,B000MADEUP,5.0,1099872000",
        )
    },
    {
        "A10MADEUP0001": ["0000000714", "0000000919"],
        "A10MADEUP0002": ["B000MADEUP", "0000000714", "000001234X"],
        "A10MADEUP0003": ["0000000919", "000001234X"],
        "AMADEUPONCE": ["B000MADEUP"],
    },
)


def _review_2014(user: str, item: str, stars: float, when: int, text: str, name: str | None) -> dict[str, Any]:
    """A review; not every reviewer has a name."""
    review = {
        "reviewerID": user, "asin": item, "reviewerName": name, "helpful": [0, 1], "reviewText": text,
        "overall": stars, "summary": "it's \"fine\"", "unixReviewTime": when, "reviewTime": "07 14, 2014",
    }  # fmt: skip
    return {key: value for key, value in review.items() if value is not None}


AMAZON_2014_REVIEWS = Layout(
    "ncf prepare reviews_Digital_Music_5.json.gz --user reviewerID --item asin --rating overall "
    "--timestamp unixReviewTime --out Data/amazon-2014-music",
    {
        "reviews_Digital_Music_5.json.gz": gzip.compress(
            json_lines(
                [
                    _review_2014("A3MADEUP", "5550000001", 5.0, 1158105600, "", 'J. Doe "jd"'),
                    _review_2014("A3MADEUP", "0000000002", 4.0, 991612800, "two\nlines, é", None),
                    _review_2014("A4MADEUP", "5550000001", 1.0, 1058227200, '{"no": 1}', "[x]"),
                    _review_2014("A4MADEUP", "B0000MADE3", 3.0, 957398400, "tab\there", "ü"),
                    _review_2014("A5MADEUP", "B0000MADE3", 5.0, 1200614400, "a, b; c", "n"),
                    _review_2014("A5MADEUP", "0000000002", 5.0, 1200614400, "\\ back", "n"),
                ]
            )
        )
    },
    {
        "A3MADEUP": ["0000000002", "5550000001"],
        "A4MADEUP": ["B0000MADE3", "5550000001"],
        "A5MADEUP": ["B0000MADE3", "0000000002"],
    },
)
# The order is not that of 2014: item, user.
AMAZON_2018_RATINGS = Layout(
    "ncf prepare Gift_Cards.csv --user 2 --item 1 --out Data/amazon-2018-cards",
    {
        "Gift_Cards.csv": lines(
            "B001MADEUP,A1MADEUP,1.0,1229558400",
            "B001MADEUP,A2MADEUP,5.0,1418688000",
            "0000000042,A1MADEUP,5.0,1229644800",
            "0000000042,A3MADEUP,4.0,1518048000",
            "B004MADEUP,A2MADEUP,5.0,1418601600",
            "B004MADEUP,A3MADEUP,5.0,1525478400",
        )
    },
    {
        "A1MADEUP": ["B001MADEUP", "0000000042"],
        "A2MADEUP": ["B004MADEUP", "B001MADEUP"],
        "A3MADEUP": ["0000000042", "B004MADEUP"],
    },
)


def _review_2018(user: str, item: str, stars: float, when: int, **more: Any) -> dict[str, Any]:
    """A review; `vote` and `style` stand in the middle, and only where they are known, `image` at the end."""
    order = ("overall", "vote", "verified", "reviewTime", "reviewerID", "asin", "style", "reviewerName",
             "reviewText", "summary", "unixReviewTime", "image")  # fmt: skip
    review = more | {
        "overall": stars, "verified": True, "reviewTime": "09 1, 2016", "reviewerID": user, "asin": item,
        "reviewerName": "Nobody", "reviewText": "Good\nscent", "summary": "Stars", "unixReviewTime": when,
    }  # fmt: skip
    return {key: review[key] for key in order if key in review}


AMAZON_2018_REVIEWS = Layout(
    "ncf prepare Luxury_Beauty_5.json.gz --user reviewerID --item asin --rating overall "
    "--timestamp unixReviewTime --out Data/amazon-2018-beauty",
    {
        "Luxury_Beauty_5.json.gz": gzip.compress(
            json_lines(
                [
                    _review_2018("A1MADEUP", "B0000MADE2", 2.0, 1276473600),
                    # The set holds reviews twice.
                    _review_2018("A1MADEUP", "B0000MADE2", 2.0, 1276473600),
                    _review_2018("A1MADEUP", "0000530MAD", 5.0, 1276560000, vote="1,024"),
                    _review_2018("A2MADEUP", "0000530MAD", 4.0, 1472601600, style={"Size:": " 7.0 oz"}),
                    _review_2018(
                        "A2MADEUP", "B0009MADEW", 4.0, 1384300800, image=["https://example.com/1.jpg"]
                    ),
                    _review_2018(
                        "A3MADEUP", "B0009MADEW", 1.0, 1384300800, vote="2", style={"Color:": ' "red"'}
                    ),
                    _review_2018("A3MADEUP", "B0000MADE2", 1.0, 1384214400),
                ]
            )
        )
    },
    {
        "A1MADEUP": ["B0000MADE2", "0000530MAD"],
        "A2MADEUP": ["B0009MADEW", "0000530MAD"],
        "A3MADEUP": ["B0000MADE2", "B0009MADEW"],
    },
    {REPEATED: 1},
)


def _review_2023(
    user: str, item: str, stars: float, when: int, images: list[Any] | None = None
) -> dict[str, Any]:
    """A review; the `asin` is that of a variant, such as a colour, of the product `parent_asin`."""
    return {
        "rating": stars, "title": "Nice", "text": "<br />Lovely 🙂", "images": images or [], "asin": f"{item}V",
        "parent_asin": item, "user_id": user, "timestamp": when, "helpful_vote": 0, "verified_purchase": True,
    }  # fmt: skip


# Milliseconds, some of them before 1970.
AMAZON_2023_REVIEWS = Layout(
    "ncf prepare All_Beauty.jsonl.gz --user user_id --item parent_asin --rating rating --timestamp timestamp "
    "--titles meta_All_Beauty.jsonl.gz --out Data/amazon-2023-beauty",
    {
        "All_Beauty.jsonl.gz": gzip.compress(
            json_lines(
                [
                    _review_2023("AGMADEUP1", "B00MADEUP1", 5.0, 1580000000123),
                    _review_2023("AGMADEUP1", "B08MADEUP2", 4.0, 1580000000124),
                    _review_2023("AGMADEUP2", "B08MADEUP2", 1.0, 1590000000052, [{"small_image_url": "s"}]),
                    _review_2023("AGMADEUP2", "0760000003", 5.0, -62135596800000),
                    _review_2023("AGMADEUP3", "0760000003", 3.0, 1640000000220),
                    _review_2023("AGMADEUP3", "B00MADEUP1", 2.0, 1600000000534),
                ],
                ascii_only=False,
            )
        ),
        "meta_All_Beauty.jsonl.gz": gzip.compress(
            json_lines(
                [
                    {
                        "main_category": "All Beauty",
                        "title": title,
                        "details": {"title": "no"},
                        "parent_asin": item,
                    }
                    for title, item in (('Comb, "6 in"', "B00MADEUP1"), ("Crème", "0760000003"), ("", "B0N"))
                ]
            )
        ),
    },
    {
        "AGMADEUP1": ["B00MADEUP1", "B08MADEUP2"],
        "AGMADEUP2": ["0760000003", "B08MADEUP2"],
        "AGMADEUP3": ["B00MADEUP1", "0760000003"],
    },
    titles={"B00MADEUP1": 'Comb, "6 in"', "0760000003": "Crème"},
)
AMAZON_2023_HEADER = "user_id,parent_asin,rating,timestamp"
# The publisher's own leave-one-out split: held out again is the same interaction.
AMAZON_2023_SPLIT = Layout(
    "ncf prepare Toys.train.csv.gz Toys.valid.csv.gz Toys.test.csv.gz --out Data/amazon-2023-toys",
    {
        "Toys.train.csv.gz": gzip.compress(
            lines(
                AMAZON_2023_HEADER,
                "AEMADEUP1,0730000008,5.0,1390000000000",
                "AEMADEUP1,B002MADEUP,4.0,1390000000001",
                "AEMADEUP2,B002MADEUP,4.0,1400000000000",
                "AEMADEUP3,B005MADEUP,1.0,1400000000000",
            )
        ),
        "Toys.valid.csv.gz": gzip.compress(
            lines(
                AMAZON_2023_HEADER,
                "AEMADEUP1,B003MADEUP,2.0,1490000000000",
                "AEMADEUP2,B004MADEUP,1.0,1500000000000",
            )
        ),
        "Toys.test.csv.gz": gzip.compress(
            lines(
                AMAZON_2023_HEADER,
                "AEMADEUP1,B004MADEUP,3.0,1590000000000",
                "AEMADEUP2,0730000008,5.0,1600000000000",
            )
        ),
    },
    {
        "AEMADEUP1": ["0730000008", "B002MADEUP", "B003MADEUP", "B004MADEUP"],
        "AEMADEUP2": ["B002MADEUP", "B004MADEUP", "0730000008"],
        "AEMADEUP3": ["B005MADEUP"],
    },
)
