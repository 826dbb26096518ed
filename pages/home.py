"""Hands the address /home over to the router: a fresh server knows only the files of this folder."""

from pages.common import router

router.run()
