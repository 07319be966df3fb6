"""Sets that need a step before: another program that pipes, or pandas."""

import gzip

from tests.data.public_layouts.layout import REPEATED, Layout, lines

# Lines of Python, not of JSON: u'…', True. A user's number is not always there; the name is.
STEAM_REVIEWS = Layout(
    "gzip -dc steam_reviews.json.gz "
    "| python3 -c 'import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]' "
    "| ncf prepare - --user username --item product_id --rating none --timestamp date --out Data/steam",
    {
        "steam_reviews.json.gz": gzip.compress(
            lines(
                "{u'username': u'Made-Up', u'hours': 0.1, u'products': 41, u'product_id': u'700280', "
                "u'page_order': 0, u'date': u'2017-11-17', u'text': u\"it's \\u2605 fine\", "
                "u'early_access': False, u'page': 1}",
                "{u'username': u'Made-Up', u'product_id': u'300100', u'page_order': 1, "
                "u'date': u'2017-11-16', u'text': u'say \"so\"\\nagain', u'early_access': True, u'page': 1}",
                "{u'username': u'\\u2606 \"Star\"', u'hours': 6.3, u'product_id': u'300100', "
                "u'date': u'2014-12-16', u'text': u'', u'early_access': False, u'user_id': u'7656119'}",
                "{u'username': u'\\u2606 \"Star\"', u'hours': 6.3, u'product_id': u'030140', "
                "u'date': u'2014-12-17', u'text': u'', u'early_access': False, u'found_funny': 2}",
                "{u'username': u'007', u'product_id': u'030140', u'date': u'2011-05-02', u'text': u'x'}",
                "{u'username': u'007', u'product_id': u'700280', u'date': u'2018-01-01', u'text': u'y'}",
            )
        )
    },
    {
        "Made-Up": ["300100", "700280"],
        '☆ "Star"': ["300100", "030140"],
        "007": ["030140", "700280"],
    },
)
# What a header is must pass as well.
RETAILROCKET_BOUGHT = Layout(
    "grep -E '^timestamp|,transaction,' events.csv | ncf prepare - --out Data/retailrocket-bought",
    {
        "events.csv": lines(
            "timestamp,visitorid,event,itemid,transactionid",
            "1430000332117,900597,view,70908,",
            "1430000676276,900597,transaction,70908,4000",
            "1430000914164,900329,addtocart,70676,",
            "1430000914165,900329,transaction,70676,4001",
            "1430000914166,900329,transaction,70965,4001",
            "1430000599827,900597,transaction,70965,4002",
            "1430000599828,900717,transaction,70185,4003",
        )
    },
    {"900597": ["70965", "70908"], "900329": ["70676", "70965"], "900717": ["70185"]},
)
# A line with a movie and a colon, then one for each of its ratings.
NETFLIX = Layout(
    'awk -F, \'/:$/ {movie = substr($0, 1, length($0) - 1); next} {print $1 "," movie "," $2 "," $3}\' '
    "combined_data_1.txt combined_data_2.txt | ncf prepare - --header no --out Data/netflix",
    {
        "combined_data_1.txt": lines(
            "1:",
            "9008844,3,2005-08-06",
            "900109,5,2005-04-13",
            "2:",
            "9008844,4,2005-08-07",
            "900013,4,2005-10-18",
        ),
        "combined_data_2.txt": lines("4500:", "900013,1,2004-10-18", "900109,2,2005-04-12"),
    },
    {"9008844": ["1", "2"], "900109": ["4500", "1"], "900013": ["4500", "2"]},
)
MIND = Layout(
    '.save("Data/", "mind")',
    {
        "behaviors.tsv": lines(
            "1\tU90740\t11/11/2019 9:06:57 AM\tN90189 N90782\tN90689-1 N90729-0",
            "2\tU90740\t11/11/2019 12:12:31 AM\t\tN90729-1 N90807-0 N90689-0",
            "3\tU90700\t11/14/2019 7:02:47 AM\tN90732\tN90807-1",
            "4\tU90700\t11/11/2019 5:27:04 PM\tN90732\tN90000-0 N90689-1",
            "5\tU90670\t11/9/2019 12:00:00 PM\t\tN90729-1 N90807-1",
        ),
        "news.tsv": lines(
            'N90689\tsports\tfootball\t"Made up," says nobody\tHe said "no.\thttps://example.com\t[]\t[]',
            'N90729\tnews\tlocal\tPorch "lights\t\thttps://example.com\t[{"Label": "x"}]\t[]',
            "N90807\tnews\tlocal\tQuiet day\tNothing.\thttps://example.com\t[]\t[]",
        ),
    },
    {"U90740": ["N90729", "N90689"], "U90700": ["N90689", "N90807"], "U90670": ["N90729", "N90807"]},
    titles={"N90689": '"Made up," says nobody', "N90729": 'Porch "lights', "N90807": "Quiet day"},
)
INSTACART = Layout(
    '.save("Data/", "instacart")',
    {
        "orders.csv": lines(
            "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order",
            "9009329,1,prior,1,2,08,",
            "9008795,1,prior,2,3,07,15.0",
            "9008274,2,prior,1,2,11,",
            "9001582,2,prior,2,5,10,10.0",
            "9001567,2,train,3,1,10,3.0",
        ),
        "order_products__prior.csv": lines(
            "order_id,product_id,add_to_cart_order,reordered",
            "9008795,7196,1,1",
            "9008795,70258,2,0",
            "9009329,7196,1,0",
            "9009329,70084,2,0",
            "9001582,70792,1,0",
            "9008274,70084,1,0",
        ),
        "products.csv": lines(
            "product_id,product_name,aisle_id,department_id",
            "7196,Made-Up Soda,77,7",
            '70258,"Nuts, 6 ct ""plain""",117,19',
            "70084,Milk,91,16",
            "70792,Bar,23,19",
        ),
    },
    {"1": ["7196", "70084", "70258"], "2": ["70084", "70792"]},
    {REPEATED: 1},
    titles={"7196": "Made-Up Soda", "70258": 'Nuts, 6 ct "plain"', "70084": "Milk", "70792": "Bar"},
)
