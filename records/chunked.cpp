#include "records/chunked.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace weir {

namespace {

// A character of a token (RFC 9110 §5.6.2).
bool is_token(unsigned char c) noexcept {
  const int letter = c | 0x20;
  return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9')
         || (c != 0
             && std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c))
                  != std::string_view::npos);
}

// Visible characters, blank, tab and obs-text (RFC 9110 §5.5): never a CR, LF or NUL.
bool is_field_text(unsigned char c) noexcept {
  return (c >= 0x20 && c != 0x7f) || c == '\t';
}

} // namespace

result<chunked_decoder::progress> chunked_decoder::decode(std::string_view in,
                                                          size_t room, std::string& out) {
  size_t used = 0;
  while (used < in.size() && state_ != state::done && state_ != state::broken) {
    if (state_ != state::data) {
      problem_ = step(static_cast<unsigned char>(in[used++]));
      state_ = problem_ ? state::broken : state_;
      continue;
    }
    const size_t size =
      static_cast<size_t>(std::min<uint64_t>(left_, std::min(room, in.size() - used)));
    if (size == 0)
      break; // `out` has no room
    out.append(in.substr(used, size));
    used += size;
    room -= size;
    left_ -= size;
    data_bytes_ += size;
    state_ = left_ == 0 ? state::data_cr : state::data;
  }
  if (state_ == state::broken)
    return fail(ec::malformed_request, "chunked body, behind "
                                         + std::to_string(data_bytes_)
                                         + " bytes of data: " + problem_);
  return progress{used, state_ == state::done};
}

const char* chunked_decoder::step(unsigned char c) noexcept {
  switch (state_) {
  case state::size_first:
  case state::size_more:
  case state::extension:
    return size_line(c);
  case state::size_lf:
    if (c != '\n')
      return "a chunk's size line must end in CR LF";
    state_ = left_ == 0 ? state::trailer_first : state::data;
    return nullptr;
  case state::data_cr:
    state_ = state::data_lf;
    return c == '\r' ? nullptr : "a chunk is longer than its size, or no CR LF ends it";
  case state::data_lf:
    state_ = state::size_first;
    return c == '\n' ? nullptr : "a chunk must end in CR LF";
  case state::last_lf:
    state_ = state::done;
    return c == '\n' ? nullptr : "the trailers must end in CR LF";
  case state::trailer_first:
  case state::trailer_name:
  case state::trailer_value:
  case state::trailer_lf:
    return trailer(c);
  case state::data: // decode() takes data by itself
  case state::done:
  case state::broken:
    break;
  }
  return "no framing is expected here";
}

const char* chunked_decoder::size_line(unsigned char c) noexcept {
  if (state_ == state::size_first) {
    left_ = 0;
    size_digits_ = 0;
    extension_bytes_ = 0;
    if (hex_value(static_cast<char>(c)) < 0)
      return "a chunk size must be hexadecimal digits";
    state_ = state::size_more;
  }
  if (c == '\r') {
    state_ = state::size_lf;
    return nullptr;
  }
  if (state_ == state::size_more && hex_value(static_cast<char>(c)) >= 0) {
    left_ = left_ << 4 | static_cast<uint64_t>(hex_value(static_cast<char>(c)));
    // 16 digits are 64 bits, so left_ can't overflow before the 17th is refused.
    return ++size_digits_ <= 16 ? nullptr : "a chunk size has more than 16 digits";
  }
  if (state_ == state::size_more && c != ';')
    return "a chunk size must be followed by CR LF or an extension";
  state_ = state::extension;
  if (!is_field_text(c))
    return "a chunk extension holds a control character";
  if (++extension_bytes_ > extension_bytes_max
      || ++extension_bytes_total_ > extension_bytes_total_max)
    return "too many bytes of chunk extensions";
  return nullptr;
}

const char* chunked_decoder::trailer(unsigned char c) noexcept {
  if (state_ == state::trailer_first && c == '\r') {
    // This line has no name: it is the empty one that ends the body.
    state_ = state::last_lf;
    return nullptr;
  }
  if (++trailer_bytes_ > trailer_bytes_max)
    return "more than 8192 bytes of trailers";
  switch (state_) {
  case state::trailer_first:
    if (++trailer_fields_ > trailer_fields_max)
      return "more than 64 trailers";
    state_ = state::trailer_name;
    return is_token(c) ? nullptr : "a trailer must begin with its name";
  case state::trailer_name:
    state_ = c == ':' ? state::trailer_value : state::trailer_name;
    return c == ':' || is_token(c) ? nullptr
                                   : "a trailer's name must be a token and a colon";
  case state::trailer_value:
    state_ = c == '\r' ? state::trailer_lf : state::trailer_value;
    return c == '\r' || is_field_text(c) ? nullptr
                                         : "a trailer's value holds a control character";
  default:
    break;
  }
  state_ = state::trailer_first;
  return c == '\n' ? nullptr : "a trailer must end in CR LF";
}

} // namespace weir
