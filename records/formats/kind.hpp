// FORMAT KIND: what the rest of weir asks of a format of bodies. A format is a file of this room
// that defines one of these, and a row in proto/body_formats.def; nobody else knows its name.
#pragma once

#include "proto/batch.hpp"
#include "records/formats/decode.hpp"
#include "records/formats/framing_limits.hpp"
#include "records/formats/json_guess.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

class frame_scanner; // records/formats/frame_scanner.hpp

/// One of the names of a format in a Content-Type, in lower case.
struct media_name {
  std::string_view type{};
  char delimiter = '\0'; ///< between columns, if the name says it
};

/// What a body without a Content-Type begins with.
struct body_head {
  std::string_view bytes{}; ///< without the byte order mark
  std::string_view text{};  ///< without the white space at their front; not empty
  bool cut = false;         ///< the body goes on after them
  char delimiter = ',';     ///< between columns, as the stream has it
  json_shape json = json_shape::none; ///< what a brace or bracket at its front begins
};

/// How sure a format is of a body that it fits. Those that are surest are asked first, so the
/// cheap signs come before the vague ones.
enum class certainty : uint8_t {
  sign,  ///< the first byte says it
  shape, ///< it goes on as it has begun
  guess, ///< when it can't be read so after all, it is the last resort's
  none,  ///< the last resort: it takes whatever nobody wants, and loses nothing of it
};

/// What the bytes of one record are before they are decoded.
enum class record_bytes : uint8_t {
  line_of_json, ///< JSON without a line end inside: stored as it came
  json,         ///< JSON that may go on over lines, which then become one
  other,        ///< something that is made JSON
};

/// Appends `record` to `out` as the text of one JSON object, or says why it can't; what it has
/// appended by then is cut off again.
using decode_function = std::optional<decode_failure> (*)(std::string_view record,
                                                          const batch_part& part,
                                                          std::string& out);

struct format_kind {
  body_format format{};
  std::string_view name{};         ///< on the command line and in messages
  std::string_view content_type{}; ///< what our own clients say; one of media_types
  std::span<const media_name> media_types{};
  std::string_view suffix{}; ///< other types that end so are read so too (RFC 6839)

  /// It is UTF-8: a byte order mark is passed over, another encoding refused.
  bool is_text = true;
  /// A row has fields. A delimiter divides them, and the first row may name them.
  bool has_columns = false;

  certainty sure = certainty::none;
  bool (*fits)(const body_head&) = nullptr;

  std::unique_ptr<frame_scanner> (*make_scanner)(const framing_limits&) = nullptr;
  record_bytes record = record_bytes::other;
  /// Called once a record, but not for batches whose records are stored as they came.
  decode_function decode = nullptr;

  /// What our own clients put around some of a body's records, so that they are a body too; with
  /// columns, the row of their names comes before them in its place.
  std::string_view opens{};
  std::string_view closes{};
};

/// Every format, in the order of body_formats.def.
std::span<const format_kind* const> format_kinds() noexcept;
/// Throws std::logic_error for a number that is no format's.
const format_kind& kind_of(body_format format);
/// Null when no format has that name.
const format_kind* find_format(std::string_view name) noexcept;
/// The format that reads any text.
const format_kind& last_resort() noexcept;

} // namespace weir
