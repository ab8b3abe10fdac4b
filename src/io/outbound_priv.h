#pragma once
/*
 * outbound_priv - what the outbound files share.
 *
 *     outbound_call.c     the owner's side: start, pause, end; a transfer's life
 *     outbound_places.c   who may go now, who waits
 *     outbound_easy.c     one request as options of an easy handle, and its call-backs
 *     outbound_body.c     the request's body, piece by piece
 *     outbound.c          the two multis: sockets, timers, what has ended
 *     outbound_trust.c    the certificate authorities
 */
#include <curl/curl.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/url.h"
#include "io/address_guard.h"
#include "io/names.h"
#include "io/outbound.h"
#include "loop/loop.h"

enum {
	EASY_POOL = 64,            /* idle easy handles kept, about 6 KiB each */
	RECEIVE_BYTES = 32 * 1024, /* what a transfer holds while it is paused */
	ANSWER_HEADERS_MAX = 64,
	ANSWER_HEAD_BYTES = 32 * 1024,
	ERROR_BODY_BYTES = 64 * 1024, /* of an answer that is not the one waited for */
	CALL_ARENA_BYTES = 32 * 1024 * 1024,
	NEXT_ADDRESS_MS = 2000, /* for an address that is not the last one */
	CONNECTION_AGE_S = 60,  /* a name that moves is followed after this at the latest */
	CONNECTION_IDLE_S = 20, /* an older one may just be closing at the other end */
	IDLE_CONNECTIONS = 128
};

/* One host:port of one multi. */
struct outbound_host {
	struct map_node node;
	struct link waiting;  /* transfers */
	struct link runnable; /* in multi.runnable while one of `waiting` may go */
	unsigned active, users;
	char key[];
};

struct outbound_multi {
	struct outbound *owner;
	CURLM *curl;
	struct timer timer;
	struct link sockets;
	struct link condemned; /* transfers to end as soon as curl has returned */
	struct link resuming;
	struct turn_hook resume;
	struct map hosts;
	struct link runnable;
	unsigned active;
	bool guest;
	bool inside; /* curl is on the stack: no handle may be added or removed */
	bool pumping;
};

/* How far the request's body has been handed to curl. */
struct outbound_body {
	struct str unsent; /* text that is next: of the segment, or of `group` */
	unsigned segment;  /* the next one, or the one whose file is being read */
	uint64_t at;       /* in that file */
	char group[4];     /* base64 for which curl had no room at once */
};

/*  WAITING --place--> RESOLVING --addresses--> RUNNING --> freed
 *  A transfer may be cut in each of them, and is then freed at the next safe point. */
enum transfer_state { TRANSFER_WAITING, TRANSFER_RESOLVING, TRANSFER_RUNNING };

struct outbound_transfer {
	struct outbound_multi *multi;
	struct outbound_call *call; /* NULL: the owner has let go */
	struct op *op; /* the slot; NULL: the call has ended, nothing of it may be touched but `transfer` */
	enum transfer_state state;
	struct link live;    /* in outbound.live */
	struct link place;   /* in host.waiting */
	struct link pending; /* in multi.condemned or multi.resuming */
	struct outbound_host *host;
	struct url url; /* views into the request */
	struct names_call names;
	unsigned address; /* the one being tried */
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct outbound_body body;
	enum fault_code verdict; /* why a call-back made curl give up */
	size_t head_bytes;
	bool repeatable; /* GET and HEAD: curl may send it again on a fresh connection */
	bool asked;      /* the request was begun on some connection */
	bool head_done;
	bool whole;  /* curl said OK */
	bool paused; /* the owner wants no data */
	bool held;   /* curl keeps data back */
	char error[CURL_ERROR_SIZE];
};

struct outbound {
	struct loop *loop;
	const struct log *log;
	struct outbound_config config;
	struct address_guard guard;
	struct outbound_multi multis[2];
	struct slab transfers;
	struct link live;
	unsigned waiting;
	CURL *pool[EASY_POOL];
	unsigned pooled;
	struct x509_store_st *authorities; /* NULL: none, nobody is trusted */
	bool looked_for_authorities;
	char ca_file[256];
};

/* outbound_call.c */
void transfer_begin(struct outbound_transfer *t); /* it has a place */
void transfer_finish(struct outbound_transfer *t, CURLcode rc);
void transfer_end(struct outbound_transfer *t); /* not while curl is on the stack */

/* outbound_places.c */
MUST_CHECK bool places_enter(struct outbound_transfer *t); /* false: too many wait */
void places_leave(struct outbound_transfer *t);
void places_pump(struct outbound_multi *m);

/* outbound_easy.c */
CURL *easy_take(struct outbound *o);
void easy_give_back(struct outbound *o, CURL *easy, bool whole);
void easy_set_up(struct outbound_transfer *t);
void easy_clear(struct outbound_transfer *t, bool whole); /* whole: the last transfer ended well */
/* Did a byte of the request leave? */
bool easy_has_sent(const struct outbound_transfer *t);

/* outbound_body.c */
void body_check(const struct outbound_call *call); /* segments name files that are there */
uint64_t body_length(const struct outbound_call *call);
void body_begin(struct outbound_transfer *t);
/* At most n bytes; 0: the end. False: it cannot be read as it was announced. */
MUST_CHECK bool body_read(struct outbound_transfer *t, char *p, size_t n, size_t *got);

/* outbound_trust.c */
void trust_set_up(struct outbound *o, CURL *easy);
void trust_clear(struct outbound *o);

/* outbound.c */
void multi_leave(struct outbound_multi *m); /* after curl has returned: end what has ended */
