"""Clicks, purchases, plays and check-ins: a kind of event, and times in every form."""

import gzip

from tests.data.public_layouts.layout import REPEATED, Layout, lines

RETAILROCKET = Layout(
    "ncf prepare events.csv --out Data/retailrocket",
    {
        "events.csv": lines(
            "timestamp,visitorid,event,itemid,transactionid",
            "1430000332117,900597,view,70908,",
            "1430000914164,900329,view,70676,",
            "1430000599827,900016,view,70965,",
            "1430000555914,900717,view,70185,",
            "1430000337106,900597,view,70676,",
            "1430000676276,900597,transaction,70908,4000",
            "1430000836124,900329,addtocart,70965,",
            "1430000662373,900016,view,70908,",
        )
    },
    {
        "900597": ["70908", "70676"],
        "900329": ["70965", "70676"],
        "900016": ["70965", "70908"],
        "900717": ["70185"],
    },
    {REPEATED: 1},
)
# Month and day of one year; 829 where a tool took 0829 for a number.
TMALL = Layout(
    "ncf prepare user_log_format1.csv --out Data/tmall",
    {
        "user_log_format1.csv": lines(
            "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type",
            "900862,70294,833,5082,5061,0829,0",
            "900862,70400,5071,5082,5061,1111,2",
            "900862,70294,833,5082,5061,0830,2",
            "900512,70400,5071,5082,,0511,0",
            "900512,70153,5071,5082,5061,829,3",
            "90176,70153,5071,1253,4066,1024,0",
            "90176,70294,833,5082,5061,1024,0",
        )
    },
    {
        "900862": ["70294", "70400"],
        "900512": ["70400", "70153"],
        "90176": ["70153", "70294"],
    },
    {REPEATED: 1},
)
# Some times are before 1970, or long after the days that the set is of.
TAOBAO = Layout(
    "ncf prepare UserBehavior.csv --rating none --timestamp 5 --out Data/taobao",
    {
        "UserBehavior.csv": lines(
            "1,7000318,5000377,pv,1511600070",
            "1,7000346,5000771,pv,1511601733",
            "100,7000346,5000771,cart,1511601733",
            "100,7000651,500192,buy,-1560000000",
            "1000001,7000651,500192,fav,1511602885",
            "1000001,7000318,5000377,pv,2122000355",
            "1,7000318,5000377,buy,1511603493",
        )
    },
    {"1": ["7000318", "7000346"], "100": ["7000651", "7000346"], "1000001": ["7000651", "7000318"]},
    {REPEATED: 1},
)
# In the small matrix some rows have no time.
KUAIREC = Layout(
    "ncf prepare big_matrix.csv --user user_id --item video_id --rating watch_ratio --timestamp timestamp "
    "--min_rating 2 --out Data/kuairec",
    {
        "big_matrix.csv": lines(
            "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio",
            "0,7649,22734,10000,2020-07-06 00:01:01.438,20200705,1593964861.438,2.2734",
            "0,7598,22441,10000,2020-07-06 00:02:02.297,20200705,1593964922.297,2.2441",
            "0,7262,850,8000,2020-07-06 00:03:03.687,20200705,1593964983.687,0.10625",
            "14,7598,33000,11000,2020-07-05 00:20:26.792,20200705,1593879626.792,3.0",
            "14,7262,33000,11000,2020-07-05 00:20:26.791,20200705,1593879626.791,3.0",
            "14,7262,33000,11000,2020-07-05 00:20:26.791,20200705,1593879626.791,3.0",
            "7,7262,22000,11000,2020-07-04 02:23:26.060,20200704,1593800606.06,2.0",
            "7,7649,22000,11000,,,,2.0",
            "7,7649,22000,11000,2020-07-04 02:23:26.061,20200704.0,1593800606.061,2.0",
        )
    },
    {"0": ["7649", "7598"], "14": ["7262", "7598"], "7": ["7262", "7649"]},
    {"no timestamp": 1, "rating below 2": 1, REPEATED: 1},
)
GOWALLA = Layout(
    "ncf prepare loc-gowalla_totalCheckins.txt.gz --user 1 --item 5 --rating none --timestamp 2 "
    "--out Data/gowalla",
    {
        "loc-gowalla_totalCheckins.txt.gz": gzip.compress(
            lines(
                "0\t2010-09-19T22:54:26Z\t10.5000000001\t-20.2500000001\t70847",
                "0\t2010-09-18T21:16:42Z\t10.6000000002\t-20.3500000002\t700315",
                "0\t2010-09-17T22:41:02Z\t10.6000000002\t-20.3500000002\t700315",
                "1\t2010-06-21T02:11:56Z\t10.7000000003\t-20.4500000003\t700637",
                "1\t2010-05-29T21:34:05Z\t10.5000000001\t-20.2500000001\t70847",
                "196585\t2010-10-17T15:47:03Z\t10.6000000002\t-20.3500000002\t700315",
                "196585\t2010-10-17T15:47:02Z\t10.7000000003\t-20.4500000003\t700637",
            )
        )
    },
    {"0": ["700315", "70847"], "1": ["70847", "700637"], "196585": ["700637", "700315"]},
    {REPEATED: 1},
)
BRIDGE, CAFE = (
    "40000000000000000000002b\t4bf50002\tBridge\t40.6",
    "40000000000000000000003c\t4bf50003\tCafé\t40.7",
)
SHOP = "40000000000000000000001a\t4bf50001\tArts & Crafts\t40.5"
FOURSQUARE = Layout(
    "ncf prepare dataset_TSMC2014_NYC.txt --encoding latin-1 --user 1 --item 2 --rating none --timestamp 8 "
    "--time_format '%a %b %d %H:%M:%S %z %Y' --out Data/foursquare-nyc",
    {
        "dataset_TSMC2014_NYC.txt": lines(
            f"9470\t{SHOP}\t-74.0\t-240\tTue Apr 03 17:01:08 +0000 2012",
            f"9979\t{BRIDGE}\t-74.1\t-240\tTue Apr 03 17:02:24 +0000 2012",
            f"9470\t{CAFE}\t-74.2\t-240\tSat Mar 31 23:59:59 +0000 2012",
            f"9979\t{CAFE}\t-74.2\t-300\tThu Feb 14 00:00:01 +0000 2013",
            f"9069\t{SHOP}\t-74.0\t-240\tWed Apr 04 01:00:00 +0000 2012",
            f"9069\t{BRIDGE}\t-74.1\t-240\tTue Apr 03 23:00:00 +0000 2012",
            encoding="latin-1",
        )
    },
    {
        "9470": ["40000000000000000000003c", "40000000000000000000001a"],
        "9979": ["40000000000000000000002b", "40000000000000000000003c"],
        "9069": ["40000000000000000000002b", "40000000000000000000001a"],
    },
)
# A session takes the place of a user. The category may be S, for special offers.
YOOCHOOSE = Layout(
    "ncf prepare yoochoose-clicks.dat --user 1 --item 3 --rating none --timestamp 2 --out Data/yoochoose",
    {
        "yoochoose-clicks.dat": lines(
            "1,2014-04-08T11:50:08.277Z,210000502,0",
            "1,2014-04-08T11:53:08.868Z,210000500,0",
            "2,2014-04-08T14:55:36.614Z,210000742,0",
            "2,2014-04-08T14:55:36.613Z,210000500,S",
            "3,2014-04-03T14:16:45.940Z,210000502,12",
            "3,2014-04-03T14:25:01.515Z,210000742,S",
        )
    },
    {"1": ["210000502", "210000500"], "2": ["210000500", "210000742"], "3": ["210000502", "210000742"]},
)
DIGINETICA = Layout(
    "ncf prepare train-item-views.csv --user sessionId --timestamp timeframe --out Data/diginetica",
    {
        "train-item-views.csv": lines(
            "sessionId;userId;itemId;timeframe;eventdate",
            "1;NA;70766;520000;2016-05-09",
            "1;NA;70331;1030000;2016-05-09",
            "2;NA;70331;40000;2016-05-09",
            "2;90278;70118;9001;2016-05-09",
            "3;90278;70118;0;2016-05-10",
            "3;NA;70766;100000;2016-05-10",
        )
    },
    {"1": ["70766", "70331"], "2": ["70118", "70331"], "3": ["70118", "70766"]},
)
# Of one day the later row is the latest.
HM = Layout(
    "ncf prepare transactions_train.csv --timestamp t_dat --out Data/hm",
    {
        "transactions_train.csv": lines(
            "t_dat,customer_id,article_id,price,sales_channel_id",
            "2018-09-20,0000cafe2d,0660000001,0.0500000000000001,2",
            "2018-09-20,0000cafe2d,0540000023,0.0300000000000002,2",
            "2018-09-20,0000cafee8,0500000004,0.0150000000000003,2",
            "2018-09-21,0000cafee8,0660000001,0.0500000000000001,2",
            "2018-09-22,0000cafee8,0500000004,0.0150000000000003,1",
            "2020-09-22,0000cafe04,0540000023,0.0300000000000002,1",
            "2018-09-22,0000cafe04,0500000004,0.0150000000000003,1",
        )
    },
    {
        "0000cafe2d": ["0660000001", "0540000023"],
        "0000cafee8": ["0500000004", "0660000001"],
        "0000cafe04": ["0500000004", "0540000023"],
    },
    {REPEATED: 1},
)
