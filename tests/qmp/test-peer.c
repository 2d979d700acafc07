/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting to a path that somebody has named, and who listens there. */
#include "tests/qmp/fake-peer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS 60000

static void
mute_script(FakePeer *peer, gpointer unused)
{
    fake_peer_await_end(peer);
}

static void
peer_script(FakePeer *peer, gpointer unused)
{
    fake_peer_greet(peer);
    fake_peer_await_end(peer);
}

static void
assert_no_peer(const char *path, VnErrorCode code, const char *says)
{
    g_autoptr(GError) error = NULL;
    VnQmpPeer peer;
    g_assert_null(vn_qmp_client_connect_peer(path, LONG_MS, &peer, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, VN_ERROR, (gint) code);
    g_assert_nonnull(strstr(error->message, says));
}

/* A path that somebody has named: of a socket itself, and who listens is known. */
static void
test_connect_peer(void)
{
    g_autofree char *folder = g_dir_make_tmp("vnumad-qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "s", NULL);
    g_autofree char *link = g_build_filename(folder, "link", NULL);
    g_autofree char *file = g_build_filename(folder, "file", NULL);
    g_autoptr(GError) error = NULL;
    VnQmpPeer peer = {0};

    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_assert_cmpint(symlink(path, link), ==, 0);
    assert_no_peer(path, VN_ERROR_GONE, path);
    assert_no_peer("s", VN_ERROR_INVALID, "a path from / on is needed");
    assert_no_peer("", VN_ERROR_INVALID, "a path from / on is needed");
    assert_no_peer(file, VN_ERROR_INVALID, "this is no socket");
    assert_no_peer(folder, VN_ERROR_INVALID, "this is no socket");
    assert_no_peer(link, VN_ERROR_INVALID, "symbolic link");

    FakePeer *fake = fake_peer_listen(peer_script, NULL, path);
    g_autoptr(VnQmpClient) client =
        vn_qmp_client_connect_peer(path, LONG_MS, &peer, &error);
    g_assert_no_error(error);
    g_assert_cmpint(peer.pid, ==, getpid());
    g_assert_cmpuint(peer.uid, ==, geteuid());
    g_clear_pointer(&client, vn_qmp_client_free);
    fake_peer_join(fake);
    assert_no_peer(path, VN_ERROR_GONE, "nobody listens");
    g_assert_cmpint(g_unlink(path), ==, 0);

    /* A socket of somebody else's than who listens. */
    fake = fake_peer_listen(mute_script, NULL, path);
    if (chown(path, 12345, (gid_t) -1) == 0)
        assert_no_peer(path, VN_ERROR_REFUSED, "it is user 12345's");
    else
        vn_qmp_client_free(vn_qmp_client_connect(path, 0, NULL));
    fake_peer_join(fake);
    g_assert_cmpint(g_unlink(path) | g_unlink(link) | g_unlink(file), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/peer/connect", test_connect_peer);
    return g_test_run();
}
