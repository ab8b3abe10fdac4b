#pragma once
/*
 * list - doubly linked, intrusive, circular around a head.
 *
 * A link that is in no list points to itself, so list_remove may be called twice.
 */
#include <stdbool.h>

#include "base/check.h"

struct link {
	struct link *prev, *next;
};

static inline void list_init(struct link *l)
{
	l->prev = l->next = l;
}
static inline bool list_is_empty(const struct link *head)
{
	return head->next == head;
}
static inline bool list_is_linked(const struct link *l)
{
	return l->next != l;
}
static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}
static inline void list_append(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}
static inline void list_prepend(struct link *head, struct link *l)
{
	list_append(head->next, l);
}
/* The first link, or NULL. */
static inline struct link *list_first(const struct link *head)
{
	return list_is_empty(head) ? 0 : head->next;
}
static inline struct link *list_pop(struct link *head)
{
	struct link *l = list_first(head);

	if (l)
		list_remove(l);
	return l;
}
/* Move all of `from` to the end of `to`. */
static inline void list_move_all(struct link *to, struct link *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
#define LIST_EACH(head, l) for (struct link *l = (head)->next; l != (head); l = l->next)
/* The body may remove the current link (not its successor). */
#define LIST_EACH_SAFE(head, l) \
	for (struct link *l = (head)->next, *l##_next = l->next; l != (head); l = l##_next, l##_next = l->next)
