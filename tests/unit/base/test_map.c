/* map and list: membership through growth, removal and removal while walking. */
#include "unit.h"

#include "base/list.h"
#include "base/map.h"

enum { NODES = 10000 };

struct item {
	struct map_node node;
	char key[16];
	unsigned visits;
};

static struct item items[NODES];

static struct str key_of(unsigned i)
{
	int n = snprintf(items[i].key, sizeof(items[i].key), "img_%u", i);

	return (struct str){ items[i].key, (size_t)n };
}

static void fill(struct map *m)
{
	map_init(m);
	for (unsigned i = 0; i < NODES; i++) {
		items[i].visits = 0;
		map_add(m, &items[i].node, key_of(i));
	}
}

static void finds_what_was_added(void **state)
{
	struct map m;

	(void)state;
	map_init(&m);
	assert_null(map_find(&m, STR("img_1")));
	fill(&m);
	assert_int_equal(m.count, NODES);
	assert_true((m.size & (m.size - 1)) == 0);
	for (unsigned i = 0; i < NODES; i++)
		assert_ptr_equal(map_find(&m, key_of(i)), &items[i].node);
	assert_null(map_find(&m, STR("img_10000")));
	assert_null(map_find(&m, STR("")));
	for (unsigned i = 0; i < NODES; i += 2)
		map_remove(&m, &items[i].node);
	assert_int_equal(m.count, NODES / 2);
	for (unsigned i = 0; i < NODES; i++)
		assert_ptr_equal(map_find(&m, key_of(i)), i % 2 ? &items[i].node : NULL);
	for (unsigned i = 0; i < NODES; i += 2)
		map_add(&m, &items[i].node, key_of(i));
	assert_int_equal(m.count, NODES);
	assert_ptr_equal(map_find(&m, key_of(0)), &items[0].node);
	map_clear(&m);
	assert_null(map_find(&m, key_of(1)));
}

static void chains_stay_short(void **state)
{
	struct map m;
	unsigned longest = 0;

	(void)state;
	fill(&m);
	for (size_t i = 0; i < m.size; i++) {
		unsigned length = 0;

		for (struct map_node *n = m.buckets[i]; n; n = n->next)
			length++;
		longest = length > longest ? length : longest;
	}
	/* 10,000 balls in 16,384 bins: 8 is far out, 14 does not happen */
	assert_in_range(longest, 2, 14);
	map_clear(&m);
}

struct walk {
	struct map *map;
	unsigned seen;
};

static void visit(struct map_node *n, void *arg)
{
	struct walk *w = arg;
	struct item *item = CONTAINER_OF(n, struct item, node);

	item->visits++;
	if (w->seen++ % 3 == 0)
		map_remove(w->map, n);
}

static void walks_while_removing(void **state)
{
	struct map m;
	struct walk w = { &m, 0 };

	(void)state;
	fill(&m);
	map_each(&m, visit, &w);
	assert_int_equal(w.seen, NODES);
	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(items[i].visits, 1);
	assert_int_equal(m.count, NODES - (NODES + 2) / 3);
	map_clear(&m);
}

static void lists_keep_order(void **state)
{
	struct link head, other, links[5];
	unsigned n = 0;

	(void)state;
	list_init(&head);
	list_init(&other);
	assert_true(list_is_empty(&head));
	assert_null(list_pop(&head));
	for (unsigned i = 0; i < 5; i++) {
		list_init(&links[i]);
		assert_false(list_is_linked(&links[i]));
		if (i < 3)
			list_append(&head, &links[i]);
	}
	list_prepend(&head, &links[3]);
	list_append(&other, &links[4]);
	list_move_all(&head, &other);
	list_move_all(&head, &other);
	assert_true(list_is_empty(&other));
	assert_ptr_equal(list_pop(&head), &links[3]);
	list_remove(&links[1]);
	list_remove(&links[1]);
	assert_false(list_is_linked(&links[1]));
	LIST_EACH_SAFE(&head, l) {
		assert_ptr_equal(l, &links[n == 0 ? 0 : n == 1 ? 2 : 4]);
		list_remove(l);
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(list_is_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(chains_stay_short),
		cmocka_unit_test(walks_while_removing),
		cmocka_unit_test(lists_keep_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
