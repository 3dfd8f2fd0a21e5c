"""Checks what guests ask and what providers answer against the rows of the host API. Pure."""

from typing import Any, Final

import msgspec

from plugind.host.caller import Caller
from plugind_protocol.errors import HostUnavailable, InvalidParams
from plugind_protocol.table import HostMethod, Open

_LONGEST_SHOWN: Final = 300
_encoder: Final = msgspec.json.Encoder()


class ParamsCheck:
    """Decodes what guests send for one method.

    Args:
        row: The method.
    """

    def __init__(self, row: HostMethod) -> None:
        self._row = row
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row.params)
        fields = msgspec.structs.fields(row.params)
        names = ", ".join(field.encode_name + "?" * (not field.required) for field in fields)
        self._hint = f"{row.name} takes {{{names}}}; docs/host-api.md describes it."

    def decode(self, caller: Caller, text: bytes) -> Any:
        """Decode params.

        Args:
            caller: Who asks.
            text: JSON; ``null`` stands for no params.

        Raises:
            InvalidParams: They do not fit; ``path`` says where.
        """
        try:
            return self._decoder.decode(b"{}" if text == b"null" else text)
        except msgspec.DecodeError as exc:
            reason, path = where(exc)
            raise InvalidParams(
                f"{caller.plugin_id} {caller.version} called {self._row.name} with wrong params: {reason}",
                hint=self._hint,
                plugin_id=caller.plugin_id,
                version=caller.version,
                path=path,
            ) from exc


class ResultCheck:
    """Checks what an editor answers to one method.

    Args:
        row: The method.
    """

    def __init__(self, row: HostMethod) -> None:
        self._row = row
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row.result)
        self._open = isinstance(row.result, type) and issubclass(row.result, Open)

    def decode(self, text: msgspec.Raw, *, provider: str) -> Any:
        """Decode a result.

        Args:
            text: JSON.
            provider: Who answered, for messages.

        Raises:
            HostUnavailable: It is not what the row says; ``path`` says where.
        """
        try:
            return self._decoder.decode(text)
        except msgspec.DecodeError as exc:
            reason, path = where(exc)
            raise HostUnavailable(
                f"{provider} answered {self._row.name} wrongly at {path}: {reason}",
                hint="This is a fault of the editor's; docs/host-api.md has what it should answer.",
                path=path,
            ) from exc

    def text(self, text: msgspec.Raw, result: Any) -> bytes | msgspec.Raw:
        """Return what the guest gets of a result that was decoded: with the fields it may have beyond the row's."""
        return text if self._open else _encoder.encode(result)


def where(exc: msgspec.DecodeError) -> tuple[str, str]:
    """Split a decoder's complaint into its words and the JSON path."""
    reason, _, path = str(exc).rpartition(" - at ")
    return (reason or path)[:_LONGEST_SHOWN], path.strip("`") if reason else "$"
