"""Listens and games: no ratings, and names with all kinds of quotes."""

from tests.data.public_layouts.layout import NOT_POSITIVE, REPEATED, Layout, lines

ARTISTS = tuple(f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
# A name may begin with a quotation mark, end in one, hold one alone, or be missing beside its MBID.
LASTFM_360K = Layout(
    "ncf prepare usersha1-artmbid-artname-plays.tsv --user 1 --item 3 --rating 4 --no_timestamps "
    "--out Data/lastfm-360k",
    {
        "usersha1-artmbid-artname-plays.tsv": lines(
            f"0000cafe01\t{ARTISTS[0]}\tmade-up band\t1234",
            f'0000cafe01\t{ARTISTS[1]}\t"odd al" made-up\t29',
            '0000cafe01\t\tno mbid, 12" mix\t0',
            f'00cafe0002\t{ARTISTS[1]}\t"odd al" made-up\t1',
            "00cafe0002\t\tmade-úp\t17",
            'jan 1, 2009\t\tsaid "so"\t3',
            f"jan 1, 2009\t{ARTISTS[2]}\t\t44",
            f"jan 1, 2009\t{ARTISTS[0]}\tmade-up band\t5",
        )
    },
    {
        "0000cafe01": ["made-up band", '"odd al" made-up'],
        "00cafe0002": ['"odd al" made-up', "made-úp"],
        "jan 1, 2009": ['said "so"', "made-up band"],
    },
    {"no item": 1, NOT_POSITIVE: 1},
    by_time=False,
)
# The latest listen of a user comes first; the columns of artists and tracks without an MBID are empty.
LASTFM_1K = Layout(
    "ncf prepare userid-timestamp-artid-artname-traid-traname.tsv --user 1 --item 3 --rating none "
    "--timestamp 2 --out Data/lastfm-1k",
    {
        "userid-timestamp-artid-artname-traid-traname.tsv": lines(
            f"user_000001\t2009-02-04T22:07:56Z\t{ARTISTS[0]}\tDeep Nobody\t\tCanzonì (Live_2009)",
            'user_000001\t2009-02-04T12:53:09Z\t\tOcean, "Loud\t\tNumber 12',
            f'user_000001\t2009-02-04T12:51:03Z\t{ARTISTS[1]}\tAnna Nobody\t\t12" Mix',
            f'user_000001\t2009-02-04T12:41:51Z\t{ARTISTS[1]}\tAnna Nobody\ttr-1\t"Giants"',
            f'user_000002\t2009-02-03T14:47:24Z\t{ARTISTS[1]}\tAnna Nobody\t\t"unclosed',
            f'user_000002\t2009-02-03T14:47:23Z\t{ARTISTS[2]}\t"Who" & Co\ttr-2\t',
            "user_000003\t2009-02-02T14:47:24Z\t\t\t\t",
            f'user_000003\t2009-02-01T14:47:24Z\t{ARTISTS[2]}\t"Who" & Co\ttr-2\tDark',
            f'user_000003\t2009-02-01T14:47:23Z\t{ARTISTS[0]}\tDeep Nobody\ttr-3\tend"',
        )
    },
    {
        "user_000001": [ARTISTS[1], ARTISTS[0]],
        "user_000002": [ARTISTS[2], ARTISTS[1]],
        "user_000003": [ARTISTS[0], ARTISTS[2]],
    },
    {"no item": 2, REPEATED: 1},
)
LASTFM_2K = Layout(
    "ncf prepare user_artists.dat --item artistID --rating weight --no_timestamps --titles artists.dat "
    "--out Data/lastfm-2k",
    {
        "user_artists.dat": lines(
            "userID\tartistID\tweight",
            "62\t51\t1300", "62\t52\t1200", "64\t52\t228", "64\t53\t1", "65\t53\t2", "65\t51\t3",
            end="\r\n",
        ),
        "artists.dat": lines(
            "id\tname\turl\tpictureURL",
            "51\tMade-Up Dúo\thttp://example.com/51\thttp://example.com/51.jpg",
            '52\t"Loud\thttp://example.com/52\t',
            "99\tNobody listens\thttp://example.com/99\t",
            end="\r\n",
        ),
    },
    {"62": ["51", "52"], "64": ["52", "53"], "65": ["53", "51"]},
    by_time=False,
    titles={"51": "Made-Up Dúo", "52": '"Loud'},
)  # fmt: skip
# What was played was bought before; the fourth column is 1.0 or hours, the last is 0.
STEAM_200K = Layout(
    "ncf prepare steam-200k.csv --rating none --no_timestamps --out Data/steam-200k",
    {
        "steam-200k.csv": lines(
            '900603712,"The Made-Up Scrolls V",purchase,1.0,0',
            '900603712,"The Made-Up Scrolls V",play,271.5,0',
            '900603712,"Door, ""again""",purchase,1.0,0',
            '900131847,"Door, ""again""",purchase,1.0,0',
            "900131847,Made,purchase,1.0,0",
            "900131847,Made,play,0.1,0",
            "90945701,Made,purchase,1.0,0",
            '90945701,"The Made-Up Scrolls V",purchase,1.0,0',
        )
    },
    {
        "900603712": ["The Made-Up Scrolls V", 'Door, "again"'],
        "900131847": ['Door, "again"', "Made"],
        "90945701": ["Made", "The Made-Up Scrolls V"],
    },
    {REPEATED: 2},
    by_time=False,
)
TASTE_PROFILE = Layout(
    "ncf prepare train_triplets.txt --no_timestamps --out Data/taste-profile",
    {
        "train_triplets.txt": lines(
            "b0cafe0063\tSOAMADE01A\t1", "b0cafe0063\tSOAMADE02A\t12", "8cafe000ea\tSOAMADE02A\t1",
            "8cafe000ea\tSOBMADE03A\t3", "000cafe08c\tSOBMADE03A\t9", "000cafe08c\tSOAMADE01A\t2",
        )
    },
    {
        "b0cafe0063": ["SOAMADE01A", "SOAMADE02A"],
        "8cafe000ea": ["SOAMADE02A", "SOBMADE03A"],
        "000cafe08c": ["SOBMADE03A", "SOAMADE01A"],
    },
    by_time=False,
)  # fmt: skip
