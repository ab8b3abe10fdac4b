/*
 * outbound_trust - whom TLS connections trust: one store of certificate authorities for both multis.
 *
 * Parsing the bundle takes 27 ms and 1.3 MiB. Left alone libcurl does it for each new connection
 * (with Debian's default directory) or once for each multi (with CAINFO alone). So the
 * store is loaded here, once, and given to every connection; verification itself,
 * including that of the host name, stays libcurl's.
 */
#include <openssl/ssl.h>

#include "io/outbound_priv.h"

static bool load(struct outbound *o)
{
	X509_STORE *store = X509_STORE_new();

	CHECK(store);
	o->looked_for_authorities = true;
	if (X509_STORE_load_file(store, o->ca_file) != 1) {
		LOG_ERROR(o->log, "outbound.no_authorities", KV_CSTR("path", o->ca_file));
		X509_STORE_free(store);
		return false;
	}
	X509_STORE_free(o->authorities);
	o->authorities = store;
	return true;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *arg)
{
	struct outbound *o = arg;

	(void)easy;
	if (!o->looked_for_authorities)
		(void)load(o);
	if (!o->authorities)
		return CURLE_SSL_CACERT_BADFILE;
	CHECK(X509_STORE_up_ref(o->authorities) == 1);
	SSL_CTX_set_cert_store(context, o->authorities); /* takes the reference */
	return CURLE_OK;
}

void trust_set_up(struct outbound *o, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	CHECK(curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context) == CURLE_OK);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, o);
}

void trust_clear(struct outbound *o)
{
	X509_STORE_free(o->authorities);
	o->authorities = NULL;
}

void outbound_warm(struct outbound *o)
{
	(void)load(o);
}
