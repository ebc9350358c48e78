// Compressed bodies: never more than the room, never over the ratio for long, always
// progress, and the same bytes in pieces as in one go.
#include "records/inflate.hpp"
#include "fuzz/property.hpp"

#include <algorithm>

using namespace weir;

namespace {

struct inflated {
  std::string data;
  bool complete = false;
  ec failure = ec::none;
};

inflated inflate(std::string_view coding, std::string_view in, size_t piece,
                 size_t room) {
  inflated out;
  auto made = make_inflater(coding, {.ratio_max = 100});
  WEIR_HOLDS(made);
  size_t total_in = 0;
  for (bool more = true; more;) {
    const size_t before = out.data.size();
    const auto given = in.substr(0, piece);
    const auto used = (*made)->decode(given, room, out.data);
    WEIR_HOLDS(out.data.size() - before <= room);
    if (!used) {
      out.failure = used.error().code;
      return out;
    }
    WEIR_HOLDS(*used <= given.size());
    in.remove_prefix(*used);
    total_in += *used;
    WEIR_HOLDS(out.data.size() <= std::max<size_t>(64 << 10, 100 * total_in));
    more = !in.empty() || out.data.size() - before == room;
    WEIR_HOLDS(!more || *used > 0 || out.data.size() > before);
  }
  out.complete = (*made)->complete();
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input in{data, size};
  const char* coding = (in.byte() & 1) != 0 ? "gzip" : "zstd";
  const size_t piece = size_t{1} + in.byte();
  const size_t room = size_t{1} + in.byte() * size_t{16};
  const auto whole = inflate(coding, in.rest(), size + 1, size_t{1} << 30);
  const auto pieces = inflate(coding, in.rest(), piece, room);
  if (whole.failure == ec::none && pieces.failure == ec::none) {
    WEIR_HOLDS(whole.data == pieces.data);
    WEIR_HOLDS(whole.complete == pieces.complete);
  }
  // Only the ratio may be seen at one size of pieces and not at another.
  WEIR_HOLDS(
    (whole.failure == ec::malformed_body) == (pieces.failure == ec::malformed_body)
    || whole.failure == ec::body_too_large || pieces.failure == ec::body_too_large);
  return 0;
}
