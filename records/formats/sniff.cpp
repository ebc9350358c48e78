#include "records/formats/sniff.hpp"

#include "records/formats/framer.hpp"
#include "records/formats/kind.hpp"

namespace weir {

body_format sniff(std::string_view head, char delimiter) {
  body_head begin;
  begin.cut = head.size() >= sniff_bytes_min;
  begin.delimiter = delimiter;
  if (head.starts_with(byte_order_mark))
    head.remove_prefix(byte_order_mark.size());
  begin.bytes = head;
  begin.text = without_space(head);
  if (begin.text.empty())
    return last_resort().format;
  // Once for the two formats that ask for it.
  begin.json = guess_json(begin.text, begin.cut);
  for (const auto sure : {certainty::sign, certainty::shape, certainty::guess})
    for (const auto* kind : format_kinds())
      if (kind->sure == sure && kind->fits(begin))
        return kind->format;
  return last_resort().format;
}

bool may_be_mistaken(body_format sniffed) {
  return kind_of(sniffed).sure == certainty::guess;
}

} // namespace weir
