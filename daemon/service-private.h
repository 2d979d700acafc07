/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the manager object's files share: service.c has the object and most methods,
 * service-drain.c those about host nodes. For them only.
 */
#pragma once

#include "daemon/job.h"
#include "daemon/service.h"
#include "data/vn-dbus.h"
#include "model/dict.h"

struct VnService {
    GDBusConnection *connection;
    VnDBusManager *manager;
    VnWorker *worker;
    GPtrArray *jobs; /* of VnJob */
    GArray *timers;  /* of guint: source ids that forget ended jobs */
    guint n_jobs_ever;
    GCancellable *gone; /* cancelled when the service is freed */
};

/* What jobs there are. */
typedef struct {
    const VnJobKind *job;
    /* vn_dbus_manager_complete_rebalance(), or another method's */
    void (*complete)(VnDBusManager *manager, GDBusMethodInvocation *invocation,
                     const char *path);
} VnServiceJob;

/* A method call on its way through the worker: the task data of what runs there. */
typedef struct {
    VnService *service;
    GDBusMethodInvocation *invocation;
    const VnServiceJob *kind; /* NULL: it starts no job */
    char **guests;            /* or other arguments; NULL: the method has none */
    GVariant *options;        /* NULL: the method has none */
} VnServiceCall;

/** vn_service_call: hands a call to the worker. @guests: (transfer full). */
void vn_service_call(VnService *service, GDBusMethodInvocation *invocation,
                     const VnServiceJob *kind, char **guests, GVariant *options,
                     VnWorkerFunc func, GAsyncReadyCallback done);

/**
 * vn_service_return: the task's result, for vn_service_answer().
 * @value: (transfer floating) (nullable): NULL where there is an error instead
 * @error: (transfer full) (nullable)
 */
void vn_service_return(GTask *task, GVariant *value, GError *error);

/** vn_service_answer: answers a call whose result is one value. */
void vn_service_answer(GObject *source, GAsyncResult *async, gpointer data);

/** vn_service_begin_job: answers a call by a job of its kind, if it returned TRUE. */
void vn_service_begin_job(GObject *source, GAsyncResult *async, gpointer data);

/** vn_service_connect_drain: the methods of service-drain.c. */
void vn_service_connect_drain(VnService *service);
