#include "cluster/hello.hpp"

#include "cluster/bytes.hpp"
#include "cluster/link_frame.hpp"

namespace weir {

namespace {

constexpr std::string_view magic = "WEIR";
constexpr size_t reason_bytes_max = 1024;

std::string with_head(std::string_view body) {
  std::string bytes{magic};
  byte_writer to{bytes};
  to.number(protocol_version);
  to.text(body);
  return bytes;
}

} // namespace

result<hello_head> read_hello_head(std::string_view bytes) {
  byte_reader from{bytes};
  if (from.take(magic.size()) != magic)
    return fail(ec::malformed_request, "no weir node is at the other end");
  hello_head head;
  head.version = from.number<uint16_t>();
  head.bytes = from.number<uint32_t>();
  // The version is checked first: only the head is the same in all versions.
  if (head.version != protocol_version)
    return fail(ec::malformed_request, "the peer speaks cluster protocol "
                                         + std::to_string(head.version) + ", this node "
                                         + std::to_string(protocol_version)
                                         + ": run the same weir version on both");
  if (!from.good() || head.bytes > hello_bytes_max)
    return fail(ec::malformed_request, "the peer's greeting is too long");
  return head;
}

std::string encode_hello(const hello& words) {
  std::string body;
  byte_writer to{body};
  to.number(words.link);
  write_card(to, words.card);
  return with_head(body);
}

std::string encode_answer(const hello_answer& words) {
  std::string body;
  byte_writer to{body};
  to.flag(words.accepted);
  to.text(std::string_view{words.reason}.substr(0, reason_bytes_max));
  write_card(to, words.card);
  return with_head(body);
}

std::string encode_go() {
  return with_head({});
}

result<hello> decode_hello(std::string_view body) {
  byte_reader from{body};
  hello words;
  words.link = from.number<uint64_t>();
  words.card = read_card(from);
  if (!from.complete() || words.link == 0)
    return fail(ec::malformed_request, "the peer's greeting can't be read");
  return words;
}

result<hello_answer> decode_answer(std::string_view body) {
  byte_reader from{body};
  hello_answer words;
  words.accepted = from.flag();
  words.reason = from.text(reason_bytes_max);
  words.card = read_card(from);
  if (!from.complete())
    return fail(ec::malformed_request, "the peer's answer can't be read");
  return words;
}

} // namespace weir
