"""An evaluation as one page of HTML that needs nothing else: no network, no script, no other file.

`contents` says what a page shows, `page` and `tables` make its sections, `charts` draws, and `markup` escapes
whatever is text.
"""
