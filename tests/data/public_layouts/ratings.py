"""Reviews and ratings: Yelp, books, anime, opinions. A rating of 0 or -1 is none."""

import bz2
import gzip
from typing import Any

from tests.data.public_layouts.layout import NOT_POSITIVE, Layout, json_lines, lines


def _yelp(user: str, item: str, stars: float, when: str, text: str) -> dict[str, Any]:
    return {
        "review_id": f"r-{item}", "user_id": user, "business_id": item, "stars": stars, "useful": 0, "funny": 0,
        "cool": 0, "text": text, "date": when,
    }  # fmt: skip


YELP = Layout(
    "ncf prepare yelp_academic_dataset_review.json --user user_id --item business_id --rating stars "
    "--timestamp date --titles yelp_academic_dataset_business.json --out Data/yelp",
    {
        "yelp_academic_dataset_review.json": json_lines(
            [
                _yelp("-_made_up1", "_b0-made-up", 3.0, "2018-07-08 20:09:11", 'Made up,\n\nall of "it"'),
                _yelp("-_made_up1", "--madeupb2", 5.0, "2012-01-04 13:28:18", "Crêpes; 日本語 \u2028 end"),
                _yelp("0made,up2", "--madeupb2", 4.0, "2014-02-06 21:31:30", "{}"),
                _yelp("0made,up2", "007madeup", 1.0, "2015-01-05 00:02:03", '["a"]'),
                _yelp("=madeup3", "007madeup", 4.0, "2017-01-15 19:53:15", "\\n \\\\"),
                _yelp("=madeup3", "_b0-made-up", 2.0, "2017-01-15 19:53:16", ""),
            ],
            compact=True,
            ascii_only=False,
        ),
        "yelp_academic_dataset_business.json": json_lines(
            [
                {"business_id": "_b0-made-up", "name": 'Café "Made Up"', "hours": {"Monday": "0:0-0:0"}},
                {"business_id": "--madeupb2", "name": "Made, Up", "hours": None},
            ],
            compact=True,
        ),
    },
    {
        "-_made_up1": ["--madeupb2", "_b0-made-up"],
        "0made,up2": ["--madeupb2", "007madeup"],
        "=madeup3": ["007madeup", "_b0-made-up"],
    },
    titles={"_b0-made-up": 'Café "Made Up"', "--madeupb2": "Made, Up"},
)
# A rating of 0 is none: the book is on a shelf.
GOODREADS_CSV = Layout(
    "ncf prepare goodreads_interactions.csv --no_timestamps --out Data/goodreads",
    {
        "goodreads_interactions.csv": lines(
            "user_id,book_id,is_read,rating,is_reviewed",
            "70,508,1,5,0",
            "70,507,1,4,1",
            "70,506,0,0,0",
            "71,506,1,4,0",
            "71,508,1,1,0",
            "72,507,1,3,0",
            "72,506,1,2,1",
            "73,508,0,0,0",
        )
    },
    {"70": ["508", "507"], "71": ["506", "508"], "72": ["507", "506"]},
    {NOT_POSITIVE: 2},
    by_time=False,
)


def _goodreads(user: str, item: str, stars: int, added: str) -> dict[str, Any]:
    return {
        "user_id": user, "book_id": item, "review_id": "0123456789abcdef0123456789abcdef", "is_read": stars > 0,
        "rating": stars, "review_text_incomplete": "“so\ngood”", "date_added": added, "date_updated": added,
        "read_at": "", "started_at": "",
    }  # fmt: skip


GOODREADS_JSON = Layout(
    "ncf prepare goodreads_interactions_dedup.json.gz --user user_id --item book_id --rating rating "
    "--timestamp date_added --time_format '%a %b %d %H:%M:%S %z %Y' --titles goodreads_books.json.gz "
    "--out Data/goodreads-in-time",
    {
        "goodreads_interactions_dedup.json.gz": gzip.compress(
            json_lines(
                [
                    # 19:37:35 and 19:30:00 in UTC: the zone decides.
                    _goodreads("00made", "90000001", 5, "Tue Nov 17 11:37:35 -0800 2015"),
                    _goodreads("00made", "90000002", 4, "Tue Nov 17 12:30:00 -0700 2015"),
                    _goodreads("00made", "9000003", 0, "Wed Nov 18 11:37:35 -0800 2015"),
                    _goodreads("11made", "9000003", 3, "Fri Aug 02 00:00:01 -0700 2013"),
                    _goodreads("11made", "90000001", 2, "Mon Aug 05 12:31:55 -0700 2013"),
                    _goodreads("22made", "90000002", 1, "Sun Mar 12 01:59:59 -0800 2017"),
                    _goodreads("22made", "9000003", 1, "Sun Mar 12 03:00:00 -0700 2017"),
                ]
            )
        ),
        "goodreads_books.json.gz": gzip.compress(
            json_lines(
                [
                    {
                        "isbn": "0312000000",
                        "asin": "",
                        "series": ["1"],
                        "book_id": "90000001",
                        "title": "One (1)",
                    },
                    {"isbn": "", "asin": "B00MADE", "series": [], "book_id": "9000003", "title": "Drei"},
                ]
            )
        ),
    },
    {
        "00made": ["90000002", "90000001"],
        "11made": ["9000003", "90000001"],
        "22made": ["90000002", "9000003"],
    },
    {NOT_POSITIVE: 1},
    titles={"90000001": "One (1)", "9000003": "Drei"},
)
# A quotation mark within quotes has a backslash before it. ISBNs may have blanks around them.
BOOK_CROSSING = Layout(
    "ncf prepare BX-Book-Ratings.csv --encoding latin-1 --escape '\\' --no_timestamps --titles BX-Books.csv "
    "--out Data/book-crossing",
    {
        "BX-Book-Ratings.csv": lines(
            '"User-ID";"ISBN";"Book-Rating"',
            '"900725";"030000004X";"0"',
            '"900726";"0100000004";"5"',
            '"900726";"0400000002";"3"',
            '"900729";" 0400000002";"6"',
            '"900729";"\\"0430000000\\"";"7"',
            '"900729";"0520000008 ";"9"',
            '"900736";"0520000008";"8"',
            '"900736";"3200000Ä28";"10"',
            '"900736";"3400;000,6";"1"',
            end="\r\n",
            encoding="latin-1",
        ),
        "BX-Books.csv": lines(
            '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";'
            '"Image-URL-L"',
            '"0100000004";"The Made-Up Tale";"A. Nobody";"2001";"Nowhere &amp; Sons";"http://s";"http://m";"http://l"',
            '"0400000002";"The \\"Quoted\\"; a tale";"Née, Ö.";"1999";"Nowhere";"http://s";"http://m";"http://l"',
            '"0520000008";"Müßig";"B. Nobody";"0";"Nowhere";"http://s";"http://m";"http://l"',
            end="\r\n",
            encoding="latin-1",
        ),
    },
    {
        "900726": ["0100000004", "0400000002"],
        "900729": ["0400000002", '"0430000000"', "0520000008"],
        "900736": ["0520000008", "3200000Ä28", "3400;000,6"],
    },
    {NOT_POSITIVE: 1},
    by_time=False,
    titles={
        "0100000004": "The Made-Up Tale",
        "0400000002": 'The "Quoted"; a tale',
        "0520000008": "Müßig",
    },
)
MYANIMELIST = Layout(
    "ncf prepare rating.csv --item anime_id --no_timestamps --titles anime.csv --out Data/anime",
    {
        "rating.csv": lines(
            # -1: watched, not rated.
            "user_id,anime_id,rating", "1,20,-1", "1,24,10", "1,79,8", "2,79,1", "2,20,7", "3,24,9", "3,20,3",
        ),
        "anime.csv": lines(
            "anime_id,name,genre,type,episodes,rating,members",
            '20,"Made-Up, no Name",Drama,Movie,1,9.01,1001',
            "24,Made-Up&#039;,Action,TV,51,8.02,2002",
            '79,"""Bungaku"" Made-Up",,OVA,Unknown,,3',
        ),
    },
    {"1": ["24", "79"], "2": ["79", "20"], "3": ["24", "20"]},
    {NOT_POSITIVE: 1},
    by_time=False,
    titles={"20": "Made-Up, no Name", "24": "Made-Up&#039;", "79": '"Bungaku" Made-Up'},
)  # fmt: skip
EPINIONS = Layout(
    "ncf prepare ratings_data.txt.bz2 --no_timestamps --out Data/epinions",
    {
        "ratings_data.txt.bz2": bz2.compress(
            lines("7 500 4", "7 501 5", "80605 501 3", "80605 9042 2", "9 9042 1", "9 500 5")
        )
    },
    {"7": ["500", "501"], "80605": ["501", "9042"], "9": ["9042", "500"]},
    by_time=False,
)
