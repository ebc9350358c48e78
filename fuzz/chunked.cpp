// Chunked bodies: pieces and room don't matter, exactly the body is used, the data is
// never more than the input, and what was decoded, encoded again, decodes to the same.
#include "records/chunked.hpp"
#include "fuzz/property.hpp"

#include <algorithm>

using namespace weir;

namespace {

struct decoded {
  std::string data;
  size_t used = 0;
  bool done = false;
  std::string failure;
};

decoded decode(std::string_view in, size_t piece, size_t room) {
  decoded out;
  chunked_decoder chunks;
  size_t end = 0;
  while (!out.done && (end < in.size() || out.used < end)) {
    end = std::min(in.size(), std::max(end, out.used + piece));
    const size_t before = out.data.size();
    const auto step = chunks.decode(in.substr(out.used, end - out.used), room, out.data);
    WEIR_HOLDS(out.data.size() - before <= room);
    if (!step) {
      out.failure = step.error().text;
      WEIR_HOLDS(step.error().code == ec::malformed_request);
      WEIR_HOLDS(!chunks.decode("0\r\n\r\n", room, out.data));
      return out;
    }
    WEIR_HOLDS(step->used > 0);
    out.used += step->used;
    out.done = step->done;
    WEIR_HOLDS(chunks.data_bytes() == out.data.size());
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input in{data, size};
  const size_t piece = size_t{1} + in.byte();
  const size_t room = size_t{1} + in.byte();
  const auto whole = decode(in.rest(), size + 1, size + 1);
  const auto pieces = decode(in.rest(), piece, room);
  WEIR_HOLDS(whole.data == pieces.data && whole.failure == pieces.failure);
  WEIR_HOLDS(whole.done == pieces.done);
  WEIR_HOLDS(!whole.failure.empty() || whole.used == pieces.used);
  WEIR_HOLDS(whole.data.size() <= size);
  if (!whole.done)
    return 0;
  const auto body = in.rest().substr(0, whole.used);
  WEIR_HOLDS(body.size() >= 5 && body.substr(body.size() - 4) == "\r\n\r\n");
  char head[24];
  std::snprintf(head, sizeof head, "%zx\r\n", whole.data.size());
  const std::string again = whole.data.empty() ? "" : head + whole.data + "\r\n";
  WEIR_HOLDS(decode(again + "0\r\n\r\n", piece, room).data == whole.data);
  return 0;
}
