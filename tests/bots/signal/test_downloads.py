"""What signal-cli downloaded goes when no message needs it, and not before."""

from bots.signal.downloads import STRAY_SECONDS, Downloads


class Server:
    """Holds files; `on_delete` is told before one goes."""

    def __init__(self, *files, on_delete=None):
        self.files, self.on_delete = set(files), on_delete

    async def attachments(self):
        return sorted(self.files)

    async def delete_attachment(self, name):
        if self.on_delete:
            self.on_delete(name)
        self.files.discard(name)


async def test_a_file_is_kept_until_the_last_message_that_names_it_is_stored():
    server = Server("abc.jpg")
    downloads = Downloads(server)
    downloads.keep(("abc.jpg",))  # one person's message
    downloads.keep(("abc.jpg",))  # another's, forwarded
    downloads.done(("abc.jpg",))
    await downloads.look(0)
    assert server.files == {"abc.jpg"}
    downloads.done(("abc.jpg",))
    await downloads.look(0)
    assert server.files == set()


async def test_what_is_refused_takes_no_file_from_a_message_that_is_kept():
    server = Server("abc.jpg", "def.jpg")
    downloads = Downloads(server)
    downloads.keep(("abc.jpg",))
    downloads.refuse(("abc.jpg", "def.jpg"))
    downloads.refuse(("abc.jpg",))  # it comes by both ways
    await downloads.look(0)
    assert server.files == {"abc.jpg"}


async def test_a_message_that_comes_while_strays_are_deleted_keeps_its_file():
    came = []

    def message_comes(name):
        if not came:
            came.append(name)
            downloads.keep(tuple(server.files - {name}))

    server = Server("a.jpg", "b.jpg", on_delete=message_comes)
    downloads = Downloads(server)
    await downloads.look(0)
    await downloads.look(STRAY_SECONDS)
    assert len(server.files) == 1


async def test_while_messages_wait_in_the_socket_nothing_is_a_stray():
    server = Server("a.jpg")
    downloads = Downloads(server)
    await downloads.look(0)
    for times in range(1, 4):
        await downloads.look(times * STRAY_SECONDS, has_taken_all=False)
    await downloads.look(4 * STRAY_SECONDS)
    assert server.files == {"a.jpg"}
    await downloads.look(5 * STRAY_SECONDS)
    assert server.files == set()
