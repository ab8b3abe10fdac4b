/*
 * about - the libraries are asked as they are now, not as they were when this was built; where a library
 * cannot be asked, its headers have the word. The one file that names them all.
 */
#include "app/about.h"

#include <ares.h>
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <llhttp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <uv.h>

#include "version.h"

void about_print(void)
{
	int pq = PQlibVersion();

	printf("imago %s (%s)\n", IMAGO_VERSION, IMAGO_COMMIT);
	printf("libuv %s\n", uv_version_string());
	printf("llhttp %d.%d.%d\n", LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
	printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
	printf("libpq %d.%d\n", pq / 10000, pq % 10000);
	printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
	printf("c-ares %s\n", ares_version(NULL));
	printf("jansson %s\n", jansson_version_str());
	printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("inih %s\n", IMAGO_INIH_VERSION);
}
