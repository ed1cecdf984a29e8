import http.client
import socket
from contextlib import closing
from pathlib import Path

from service.cli.writers import ask, house_call
from service.demo import running
from service.rooms.merchants.contract import CreateMerchant, Merchant
from service.settings import Settings
from service.writer.lock import WriterLock


def test_one_process_serves_and_ends_whole(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = Settings(data_dir=tmp_path, port=port)

        with running(settings, listener) as run:
            made = ask(run.submit, CreateMerchant(name="Kites"), call=house_call()).read(Merchant)
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("GET", "/readyz")
                status = connection.getresponse().status

    assert made.name == "Kites"
    assert status == 200
    with WriterLock(settings.lock_file):
        pass
