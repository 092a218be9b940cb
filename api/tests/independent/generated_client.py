"""Calls a running synod with a client that openapi-python-client made of spec/openapi.json.

Usage: generated_client.py GENERATED_FOLDER URL CA_FILE CERTIFICATE_FILE KEY_FILE

Writes a key of a public map and reads it back, lists the map, and reads two problems: by its code,
which is an enumeration in the client.
"""

import ssl
import sys


def main() -> None:
    folder, url, authority, certificate, key = sys.argv[1:]
    sys.path.insert(0, folder)
    from synod_client import Client
    from synod_client.api.default import delete_key, get_key, list_keys, network, put_key
    from synod_client.models import ErrorCode, ListReply, NetworkReply, Problem, WriteReply
    from synod_client.types import File

    tls = ssl.create_default_context(cafile=authority)
    tls.load_cert_chain(certificate, key)
    client = Client(base_url=url, verify_ssl=tls, follow_redirects=True)
    at = {"map_": "public:generated", "key": "a/b c", "client": client}

    about = network.sync(client=client)
    assert isinstance(about, NetworkReply), about
    written = put_key.sync(**at, body=File(payload=b"hello"), receipt="inline")
    assert isinstance(written, WriteReply) and written.receipt, written
    read = get_key.sync_detailed(**at)
    assert read.status_code == 200 and read.content == b"hello", read
    page = list_keys.sync(map_="public:generated", client=client, limit=1)
    assert isinstance(page, ListReply) and len(page.entries) == 1, page

    stale = put_key.sync(**at, body=File(payload=b"again"), if_none_match="*")
    assert isinstance(stale, Problem) and stale.code == ErrorCode.PRECONDITION_FAILED, stale
    assert isinstance(delete_key.sync(**at), WriteReply)
    gone = get_key.sync(**at)
    assert isinstance(gone, Problem) and gone.code == ErrorCode.KEY_NOT_FOUND, gone
    assert gone.status == 404 and gone.type_ == "urn:synod:problem:key_not_found", gone
    print("a generated client wrote, read, listed and deleted, and understood two problems")


if __name__ == "__main__":
    main()
