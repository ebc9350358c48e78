#include "records/json/writer.hpp"

#include "base/text.hpp"

namespace weir {

void json_writer::grow(size_t bytes) {
  const auto written = static_cast<size_t>(at_ - out_.data());
  // std::string grows geometrically by itself, so many small calls stay cheap.
  out_.resize(written + bytes + bytes / 2 + slack);
  at_ = out_.data() + written;
}

void json_writer::escape(char c) noexcept {
  char letter = 0;
  switch (c) {
  case '"':
    letter = '"';
    break;
  case '\\':
    letter = '\\';
    break;
  case '\b':
    letter = 'b';
    break;
  case '\f':
    letter = 'f';
    break;
  case '\n':
    letter = 'n';
    break;
  case '\r':
    letter = 'r';
    break;
  case '\t':
    letter = 't';
    break;
  default:
    break;
  }
  *at_++ = '\\';
  if (letter != 0) {
    *at_++ = letter;
    return;
  }
  // The six bytes always fit in the slack.
  const auto code = static_cast<unsigned char>(c);
  std::memcpy(at_, "u00", 3);
  at_[3] = hex_lower[code >> 4];
  at_[4] = hex_lower[code & 15];
  at_ += 5;
}

void json_writer::escaped(std::string_view text) {
  const char* in = text.data();
  const char* const end = in + text.size();
  while (in != end) {
    reserve(static_cast<size_t>(end - in));
    const size_t plain = copy_plain<stop_at::escapes>(in, end, at_);
    in += plain;
    at_ += plain;
    if (in != end)
      escape(*in++);
  }
}

void append_json_escaped(std::string& out, std::string_view text) {
  json_writer writer{out, text.size()};
  writer.escaped(text);
  writer.finish();
}

} // namespace weir
