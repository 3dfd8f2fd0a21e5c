"""What plugins write into their consoles."""

from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol.methods import ConsoleMessage


async def console(client: AsyncClient, plugin: str, wanted: str) -> list[ConsoleMessage]:
    """The plugin's console, once a line of it has these words."""

    async def said() -> list[ConsoleMessage]:
        entries = (await client.console_get(plugin)).messages
        return entries if any(wanted in entry.message for entry in entries) else []

    return await until(said)
