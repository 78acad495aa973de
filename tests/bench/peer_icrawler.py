"""Run by the peers' own Python: `peer_icrawler.py LIST FOLDER` downloads a list of URLs with icrawler."""

import logging
import sys

from icrawler.builtin import UrlListCrawler

_THREADS = 16


def main(url_list: str, folder: str) -> None:
    """Download all; one log line a picture is left out, since it costs icrawler time."""
    crawler = UrlListCrawler(
        downloader_threads=_THREADS, storage={"backend": "FileSystem", "root_dir": folder}, log_level=logging.WARNING
    )
    crawler.crawl(url_list, max_num=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
