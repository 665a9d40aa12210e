import socket

from rag.server.listen import bind
from rag.server.settings import ServerSettings


def test_an_answers_second_packet_does_not_wait_for_the_client() -> None:
    with bind(ServerSettings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
