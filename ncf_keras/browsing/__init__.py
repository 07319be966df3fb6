"""A page on loopback to look at lists by eye: whose they are, what is in them, and why.

`search` finds items and users by a part of their names, `answers` says what the page asks for, `application` is
the ASGI application around it, `guard` refuses the requests of other pages, and `server` runs it all on a port;
`in_thread` does so beside other work.
"""
