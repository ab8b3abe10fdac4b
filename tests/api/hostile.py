"""Raw requests that the edge must refuse: (name, bytes, statuses that are right).

The families are those that real parsers got wrong: header ends, folds, framing, smuggling,
versions, hosts, sizes. Each gets one answer, then the connection ends.
"""


def _post(fields, body=''):
    return 'POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\n%s' % (fields, body)


def _chunked(body):
    return _post('Transfer-Encoding: chunked\r\n', body)


def _get(fields, line='GET /hello HTTP/1.1', host='Host: a\r\n'):
    return '%s\r\n%s%s\r\n' % (line, host, fields)


def _line(line):
    return _get('', line)


def _host(value):
    return _get('', host='Host: %s\r\n' % value)


SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
FRAMING = (400, 413, 501)
HOSTILE = []


def _add(statuses, **rows):
    for name, raw in rows.items():
        HOSTILE.append((name, raw if isinstance(raw, bytes) else raw.encode('latin-1'), statuses))


# the request line
_add((400,),
     no_version='GET /\r\n', no_version_with_host='GET /\r\nHost: a\r\n\r\n', glued_version=_line('GET /HTTP/1.1'),
     two_spaces_before_target=_line('GET  /hello HTTP/1.1'), two_spaces_before_version=_line('GET /hello  HTTP/1.1'),
     space_after_version=_line('GET /hello HTTP/1.1 '), space_before_method=_line(' GET /hello HTTP/1.1'),
     tab_after_method=_line('GET\t/hello HTTP/1.1'), tab_before_version=_line('GET /hello\tHTTP/1.1'),
     lower_method=_line('get /hello HTTP/1.1'), lower_protocol=_line('GET /hello http/1.1'),
     no_target=_line('GET HTTP/1.1'), empty_target=_line('GET  HTTP/1.1'), target_with_space=_line('GET /a b HTTP/1.1'),
     target_without_slash=_line('GET hello HTTP/1.1'), star_with_get=_line('GET * HTTP/1.1'),
     target_with_fragment=_line('GET /hello#x HTTP/1.1'), target_with_tab=_line('GET /he\tllo HTTP/1.1'),
     target_with_form_feed=_line('GET /he\x0cllo HTTP/1.1'), target_with_high_byte=_line('GET /h\xe9llo HTTP/1.1'),
     target_with_nul=_line('GET /he\x00llo HTTP/1.1'), target_with_delete=_line('GET /he\x7fllo HTTP/1.1'),
     target_with_cr=_line('GET /he\rllo HTTP/1.1'), method_with_colon=_line('GE:T /hello HTTP/1.1'),
     method_with_nul=_line('GE\x00T /hello HTTP/1.1'), line_ends_with_lf='GET /hello HTTP/1.1\nHost: a\r\n\r\n',
     line_ends_with_cr='GET /hello HTTP/1.1\rHost: a\r\n\r\n', other_protocol=_line('GET /hello ICE/1.0'),
     rtsp=_line('OPTIONS * RTSP/1.0'), version_without_minor=_line('GET /hello HTTP/1'),
     version_with_two_digits=_line('GET /hello HTTP/1.10'), version_with_letters=_line('GET /hello HTTP/a.b'),
     version_with_sign=_line('GET /hello HTTP/+1.1'), other_scheme=_line('GET ftp://a/ HTTP/1.1'),
     authority_differs=_line('GET http://b/hello HTTP/1.1'), authority_with_user=_line('GET http://x@a/hello HTTP/1.1'),
     authority_empty=_line('GET http:///hello HTTP/1.1'), authority_port_differs=_line('GET http://a:81/hello HTTP/1.1'),
     tls_hello=b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', zeros=b'\x00' * 20, json='{"a":1}\r\n\r\n')
_add((501, 405), unknown_method=_line('BREW /hello HTTP/1.1'), webdav=_line('PROPFIND /hello HTTP/1.1'),
     endless_method='A' * 5000 + ' / HTTP/1.1\r\nHost: a\r\n\r\n', query_method=_line('QUERY /hello HTTP/1.1'))
_add((405,), connect='CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', trace=_line('TRACE /hello HTTP/1.1'))
_add((505, 400), http2=_line('GET /hello HTTP/2.0'), http09=_line('GET /hello HTTP/0.9'), http12=_line('GET /hello HTTP/1.2'),
     http2_preface='PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
_add((400,),
     escape_nul=_line('GET /%00 HTTP/1.1'), escape_cut=_line('GET /%2 HTTP/1.1'), escape_bad=_line('GET /%zz HTTP/1.1'),
     escape_overlong=_line('GET /%c0%ae HTTP/1.1'), escape_newline=_line('GET /%0d%0aX HTTP/1.1'),
     dots=_line('GET /../../etc/passwd HTTP/1.1'), dots_escaped=_line('GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1'),
     dots_half_escaped=_line('GET /.%2e/etc/passwd HTTP/1.1'), dots_with_slash_escaped=_line('GET /a%2f..%2fb HTTP/1.1'))

# blank lines, folds, names, values, ends
_add((400,),
     lf_first='\n' + _get(''), cr_first='\r' + _get(''), two_blank_lines='\r\n\r\n' + _get(''),
     blank_lines_100k=b'\r\n' * 50000, spaces_first='   ' + _get(''),
     fold=_get('X: a\r\n b\r\n'), fold_tab=_get('X: a\r\n\tb\r\n'), fold_first='GET /hello HTTP/1.1\r\n Host: a\r\n\r\n',
     fold_smuggles_length='POST /echo HTTP/1.1\r\nHost: a\r\n Content-Length: 35\r\n\r\n' + SMUGGLED,
     fold_length=_post('Content-Length:\r\n 5\r\n', 'hello'), fold_coding=_post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'),
     fold_coding_list=_post('Transfer-Encoding: chunked\r\n , identity\r\n', '0\r\n\r\n'), fold_blank=_get(' \r\n'),
     empty_name=_get(': x\r\n'), space_before_colon=_get('X : y\r\n'), tab_before_colon=_get('X\t: y\r\n'),
     host_space_before_colon=_get('', host='Host : a\r\n'), space_in_name=_post('Transfer Encoding: chunked\r\n', '0\r\n\r\n'),
     coding_space_before_colon=_post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), no_colon=_get('X\r\n'),
     name_with_bracket=_get('X(: y\r\n'), name_with_quote=_get('"X": y\r\n'), name_with_nul=_get('X\x00: y\r\n'),
     name_with_high_byte=_get('\xe9: y\r\n'), name_with_cr=_get('X\rY: z\r\n'), name_with_lf=_get('X\nY: z\r\n'),
     value_with_nul=_get('X: a\x00b\r\n'), value_with_control=_get('X: a\x01b\r\n'), value_with_delete=_get('X: a\x7fb\r\n'),
     value_with_vertical_tab=_get('X: a\x0bb\r\n'), value_with_cr=_get('X: a\rb\r\n'), value_with_lf=_get('X: a\nY: b\r\n'),
     cr_hides_field=_post('X: a\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
     cr_after_colon=_post('X:\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
     end_cr_cr='GET /hello HTTP/1.1\r\nHost: a\r\n\r\rX', end_cr_x='GET /hello HTTP/1.1\r\nHost: a\r\n\rX' + SMUGGLED,
     end_lf='GET /hello HTTP/1.1\r\nHost: a\r\n\n', end_lf_lf='GET /hello HTTP/1.1\nHost: a\n\n')

# hosts
_add((400,),
     no_host='GET /hello HTTP/1.1\r\n\r\n', two_hosts=_get('Host: a\r\n'), two_hosts_differ=_get('Host: b\r\n'),
     empty_host=_host(''), host_space=_host('a b'), host_user=_host('x@a'), host_slash=_host('a/b'), host_list=_host('a, b'),
     host_high=_host('\xe9'), host_query=_host('a?b'), host_hash=_host('a#b'), host_quote=_host('"a"'),
     host_port_letters=_host('a:b'), host_port_zero=_host('a:0'), host_port_big=_host('a:65536'), host_port_empty=_host('a:'),
     host_port_sign=_host('a:+80'), host_two_ports=_host('a:80:80'), host_bracket_open=_host('[::1'),
     host_bracket_junk=_host('[junk]'), host_bracket_tail=_host('[::1]x'), host_only_port=_host(':80'),
     no_host_with_absolute='GET http://a/hello HTTP/1.1\r\n\r\n')

# framing
_add(FRAMING,
     length_and_coding=_post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
     coding_and_length=_post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
     two_lengths=_post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'),
     two_equal_lengths=_post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'),
     length_list=_post('Content-Length: 5, 5\r\n', 'hello'), length_plus=_post('Content-Length: +5\r\n', 'hello'),
     length_minus=_post('Content-Length: -5\r\n', 'hello'), length_hex=_post('Content-Length: 0x5\r\n', 'hello'),
     length_float=_post('Content-Length: 5.0\r\n', 'hello'), length_words=_post('Content-Length: five\r\n', 'hello'),
     length_empty=_post('Content-Length:\r\n', 'hello'), length_two=_post('Content-Length: 5 5\r\n', 'hello'),
     length_underscore=_post('Content-Length: 1_0\r\n', 'hello'), length_2_63=_post('Content-Length: 9223372036854775808\r\n'),
     length_2_64=_post('Content-Length: 18446744073709551616\r\n'), length_max=_post('Content-Length: 18446744073709551615\r\n'),
     coding_10='POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
     coding_gzip=_post('Transfer-Encoding: gzip\r\n'), coding_gzip_chunked=_post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
     coding_chunked_gzip=_post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n'),
     coding_chunked_twice=_post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'),
     two_codings=_post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
     two_codings_differ=_post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
     coding_comma=_post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'), coding_identity=_post('Transfer-Encoding: identity\r\n'),
     coding_empty=_post('Transfer-Encoding:\r\n', '0\r\n\r\n'), coding_quoted=_post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'),
     coding_empty_with_length=_post('Transfer-Encoding:\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
     coding_parameter=_post('Transfer-Encoding: chunked;q=1\r\n', '0\r\n\r\n'),
     coding_vertical_tab=_post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
     coding_x=_post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'))

# chunks
_add(FRAMING,
     chunk_no_size=_chunked('\r\nhello\r\n0\r\n\r\n'), chunk_not_hex=_chunked('g\r\nhello\r\n0\r\n\r\n'),
     chunk_0x=_chunked('0x5\r\nhello\r\n0\r\n\r\n'), chunk_minus=_chunked('-5\r\nhello\r\n0\r\n\r\n'),
     chunk_plus=_chunked('+5\r\nhello\r\n0\r\n\r\n'), chunk_space_first=_chunked(' 5\r\nhello\r\n0\r\n\r\n'),
     chunk_space_last=_chunked('5 \r\nhello\r\n0\r\n\r\n'), chunk_tab_last=_chunked('5\t\r\nhello\r\n0\r\n\r\n'),
     chunk_lf=_chunked('5\nhello\r\n0\r\n\r\n'), chunk_cr_x=_chunked('5\rXhello\r\n0\r\n\r\n'),
     chunk_long_data=_chunked('5\r\nhelloXX0\r\n\r\n'), chunk_data_lf=_chunked('5\r\nhello\n0\r\n\r\n'),
     chunk_data_cr_x=_chunked('5\r\nhello\rX0\r\n\r\n'), chunk_17_digits=_chunked('00000000000000005\r\nhello\r\n0\r\n\r\n'),
     chunk_2_63=_chunked('8000000000000000\r\n'), chunk_2_64=_chunked('10000000000000000\r\n'), chunk_max=_chunked('ffffffffffffffff\r\n'),
     chunk_only_extension=_chunked(';a=b\r\n0\r\n\r\n'), chunk_extension_lf=_chunked('5;a\nhello\r\n0\r\n\r\n'),
     chunk_extension_cr=_chunked('5;a\rX\r\nhello\r\n0\r\n\r\n'), chunk_extension_nul=_chunked('5;\x00\r\nhello\r\n0\r\n\r\n'),
     chunk_extension_64k=_chunked('5;' + 'e' * 65536 + '\r\nhello\r\n0\r\n\r\n'),
     chunk_extensions_many=_chunked('1;eeeeeeeeeeeeeeee\r\nx\r\n' * 100 + '0\r\n\r\n'),
     trailer_fold=_chunked('0\r\nX: y\r\n z\r\n\r\n'), trailer_fold_first=_chunked('0\r\n X: y\r\n\r\n'),
     trailer_space=_chunked('0\r\nX : y\r\n\r\n'), trailer_no_colon=_chunked('0\r\nX\r\n\r\n'),
     trailer_lf=_chunked('0\r\n\n'), trailer_cr_x=_chunked('0\r\n\rX'), trailer_nul=_chunked('0\r\nX: \x00\r\n\r\n'))
_add((431,), trailer_64k=_chunked('0\r\nX: ' + 'y' * 65536 + '\r\n\r\n'), trailers_2000=_chunked('0\r\n' + 'X: y\r\n' * 2000 + '\r\n'))
_add((413,), body_over_by_one_length=_post('Content-Length: 1048577\r\n'),
     body_over_by_one_chunk=_chunked('100001\r\n'), body_over_by_sum=_chunked('fffff\r\n' + 'x' * 0xfffff + '\r\n2\r\n'))

# sizes
_add((414,), target_64k=_line('GET /' + 'a' * 65536 + ' HTTP/1.1'), target_over_by_one=_line('GET /' + 'a' * 8192 + ' HTTP/1.1'))
_add((431,), value_64k=_get('X: ' + 'y' * 65536 + '\r\n'), name_64k=_get('X' * 65536 + ': y\r\n'), fields_2000=_get('X: y\r\n' * 2000),
     fields_101=_get('X: y\r\n' * 100), bearer_1m=_get('Authorization: Bearer ' + 'k' * 1048576 + '\r\n'))

# what may come once
_add((400,),
     two_keys=_get('Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'),
     two_equal_keys=_get('Authorization: Bearer a\r\nauthorization: Bearer a\r\n'),
     two_types=_post('Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n'),
     two_idempotency_keys=_post('Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 0\r\n'),
     two_fal_targets=_post('x-fal-target-url: a\r\nX-Fal-Target-Url: b\r\nContent-Length: 0\r\n'))
_add((417,), expectation=_post('Expect: 200-ok\r\nContent-Length: 5\r\n', 'hello'),
     expectation_twice=_post('Expect: 100-continue\r\nExpect: x\r\nContent-Length: 5\r\n', 'hello'))

# cut off
_add((400,), head_cut='GET /hello HTTP/1.1\r\nHost: a\r\n', line_cut='GET /hel', body_cut=_post('Content-Length: 10\r\n', 'hello'),
     chunk_cut=_chunked('5\r\nhel'), trailer_cut=_chunked('0\r\n'))
