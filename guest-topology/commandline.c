/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's option syntax, as far as it takes to find a QMP socket in it. Pure. */
#include "guest-topology/commandline.h"

#include <string.h>
#include <sys/un.h>

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* More arguments than anybody writes by hand. */
#define ARGUMENTS_MAX 4096

/* The arguments, in order. */
static GPtrArray *
read_arguments(const xmlNode *domain)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    const xmlNode *list = vn_xml_child_in(domain, QEMU_NAMESPACE, "commandline");
    for (const xmlNode *node = vn_xml_child_in(list, QEMU_NAMESPACE, "arg");
         node && arguments->len < ARGUMENTS_MAX; node = vn_xml_next(node)) {
        char *value = vn_xml_attribute(node, "value");
        g_ptr_array_add(arguments, value ? value : g_strdup(""));
    }
    return arguments;
}

/*
 * Splits "first,key=value,key,..." into a table; ",," is a comma in a value. The first
 * item, when it has no "=", goes under @implied; another without "=" has the value "on".
 */
static GHashTable *
split_options(const char *text, const char *implied)
{
    GHashTable *options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    gboolean first = TRUE;
    for (const char *at = text; *at; first = FALSE) {
        GString *item = g_string_new(NULL);
        for (; *at && (*at != ',' || at[1] == ','); at++) {
            if (*at == ',')
                at++;
            g_string_append_c(item, *at);
        }
        if (*at == ',')
            at++;
        char *equals = strchr(item->str, '=');
        if (equals)
            g_hash_table_replace(options,
                                 g_strndup(item->str, (gsize) (equals - item->str)),
                                 g_strdup(equals + 1));
        else if (first)
            g_hash_table_replace(options, g_strdup(implied), g_strdup(item->str));
        else
            g_hash_table_replace(options, g_strdup(item->str), g_strdup("on"));
        g_string_free(item, TRUE);
    }
    return options;
}

static gboolean
is_on(GHashTable *options, const char *key)
{
    const char *value = g_hash_table_lookup(options, key);
    return value && (strcmp(value, "on") == 0 || strcmp(value, "yes") == 0);
}

/* Takes @path over when QEMU listens there and we could connect to it. */
static void
offer(VnGuest *guest, const char *path, GHashTable *options)
{
    if (guest->qmp_path)
        return;
    if (path && path[0] == '/' &&
        strlen(path) < sizeof((struct sockaddr_un){0}.sun_path) &&
        is_on(options, "server") && !is_on(options, "abstract")) {
        guest->qmp_path = g_strdup(path);
        return;
    }
    g_autofree char *shown = vn_xml_shown(path ? path : "");
    vn_guest_add_note(guest,
                      "guest %s: its QMP socket '%s' cannot be used: it takes a unix "
                      "socket with an absolute path, on which QEMU listens (server=on)",
                      guest->name, shown);
}

static void
read_qmp(VnGuest *guest, const char *value)
{
    if (!g_str_has_prefix(value, "unix:"))
        return;
    g_autoptr(GHashTable) options = split_options(value + strlen("unix:"), "path");
    offer(guest, g_hash_table_lookup(options, "path"), options);
}

/* @chardevs: of options, by id. */
static void
read_mon(VnGuest *guest, const char *value, GHashTable *chardevs)
{
    g_autoptr(GHashTable) options = split_options(value, "chardev");
    const char *id = g_hash_table_lookup(options, "chardev");
    GHashTable *chardev = id ? g_hash_table_lookup(chardevs, id) : NULL;
    if (g_strcmp0(g_hash_table_lookup(options, "mode"), "control") != 0 || !chardev)
        return;
    if (g_strcmp0(g_hash_table_lookup(chardev, "backend"), "socket") == 0)
        offer(guest, g_hash_table_lookup(chardev, "path"), chardev);
}

static GHashTable *
read_chardevs(const GPtrArray *arguments)
{
    GHashTable *chardevs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                 (GDestroyNotify) g_hash_table_unref);
    for (guint i = 0; i + 1 < arguments->len; i++) {
        if (strcmp(arguments->pdata[i], "-chardev") != 0)
            continue;
        GHashTable *options = split_options(arguments->pdata[i + 1], "backend");
        const char *id = g_hash_table_lookup(options, "id");
        g_hash_table_replace(chardevs, g_strdup(id ? id : ""), options);
    }
    return chardevs;
}

gboolean
vn_commandline_makes_cells(const xmlNode *domain)
{
    g_autoptr(GPtrArray) arguments = read_arguments(domain);
    for (guint i = 0; i < arguments->len; i++) {
        const char *argument = arguments->pdata[i];
        if (strcmp(argument, "-numa") == 0 || strcmp(argument, "--numa") == 0)
            return TRUE;
    }
    return FALSE;
}

void
vn_commandline_parse(const xmlNode *domain, VnGuest *guest)
{
    g_autoptr(GPtrArray) arguments = read_arguments(domain);
    g_autoptr(GHashTable) chardevs = read_chardevs(arguments);
    gboolean changes_layout = FALSE;

    for (guint i = 0; i < arguments->len; i++) {
        const char *argument = arguments->pdata[i];
        const char *value = i + 1 < arguments->len ? arguments->pdata[i + 1] : "";
        if (strcmp(argument, "-qmp") == 0 || strcmp(argument, "-qmp-pretty") == 0)
            read_qmp(guest, value);
        else if (strcmp(argument, "-mon") == 0)
            read_mon(guest, value, chardevs);
        if (strstr(argument, "max-ram-below-4g"))
            changes_layout = TRUE;
    }
    if (changes_layout) {
        g_clear_pointer(&guest->machine, g_free);
        vn_guest_add_note(guest,
                          "guest %s: its own QEMU arguments change where its memory lies "
                          "(max-ram-below-4g): guest-physical addresses are not computed",
                          guest->name);
    }
}
