#include "actors/known_poison.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace weir {

namespace {

void append(std::string& out, std::string_view field) {
  out.append(std::to_string(field.size())).append(":").append(field);
}

} // namespace

uint64_t known_poison::fingerprint(const std::shared_ptr<const csv_header>& header) {
  if (header == header_)
    return header_fingerprint_;
  std::string all;
  if (header)
    for (const auto& field : header->names)
      append(all, field);
  if (header)
    append(all, std::string_view{&header->delimiter, 1});
  header_ = header;
  return header_fingerprint_ = header ? body_fingerprint(all) : 0;
}

uint64_t known_poison::fingerprint(const record_batch& batch, const record_ref& ref) {
  const auto& part = batch.source->parts.at(ref.part);
  std::string all;
  append(all, batch.source->stream);
  append(all, std::to_string(static_cast<int>(part.format)));
  append(all, std::to_string(fingerprint(part.header)));
  append(all, batch.text_of(ref));
  return body_fingerprint(all);
}

void known_poison::add(const record_batch& batch, const record_ref& ref, time_point now) {
  while (!entries_.empty()
         && (entries_.size() >= records_max || now - entries_.front().since >= lasts))
    entries_.pop_front();
  entries_.push_back({ref.size, fingerprint(batch, ref), now});
}

bool known_poison::has(const record_batch& batch, const record_ref& ref, time_point now) {
  std::optional<uint64_t> own; // taken once, and only if it may decide
  return std::any_of(entries_.begin(), entries_.end(), [&](const entry& known) {
    if (known.size != ref.size || now - known.since >= lasts)
      return false;
    if (!own)
      own = fingerprint(batch, ref);
    return known.fingerprint == *own;
  });
}

} // namespace weir
