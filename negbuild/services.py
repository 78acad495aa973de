"""The part of the catalog that knows where a person's own services of the sources were."""

from negbuild.database import Database


class Services:
    """The rows about them; every method is one transaction."""

    _file: Database

    def add_service(self, source: str, host: str) -> None:
        """Write that a person gave a service on this host for a source."""
        with self._file.transaction():
            self._file.run("INSERT OR IGNORE INTO services VALUES (?, ?)", [(source, host)])

    def services(self, source: str) -> frozenset[str]:
        """Hosts of the services that a person gave for a source."""
        return frozenset(self._file.read(str, "SELECT host FROM services WHERE source = ?", source))
