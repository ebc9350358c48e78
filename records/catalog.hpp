// CATALOG: every configured stream with its compiled schema and steps. It is immutable: a
// reload puts a new one in the holder, and a batch under way works on with the one it took.
#pragma once

#include "proto/stream_settings.hpp"
#include "records/schema/schema.hpp"
#include "records/transform/plan.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace weir {

struct stream_spec {
  stream_settings settings;
  std::shared_ptr<const schema> check; ///< null: any JSON object
  std::shared_ptr<const plan> steps;   ///< never null; may be empty

  /// See plan::parts_room().
  size_t parts_room(size_t bytes) const noexcept {
    return steps ? steps->parts_room(bytes) : 0;
  }
};

class catalog {
 public:
  using stream_map = std::map<std::string, stream_spec, std::less<>>;

  /// `retired` streams take no new records; batches of theirs may still be under way.
  explicit catalog(stream_map streams, stream_map retired = {})
    : streams_(std::move(streams)), retired_(std::move(retired)) {}

  /// Null when records can't be sent to that stream. Valid as long as the catalog.
  const stream_spec* find(std::string_view stream) const noexcept {
    return find_in(streams_, stream);
  }
  /// Like find(), but also finds a stream that a reload removed: for work admitted before.
  const stream_spec* find_any(std::string_view stream) const noexcept {
    const auto* open = find(stream);
    return open != nullptr ? open : find_in(retired_, stream);
  }
  const stream_map& streams() const noexcept { return streams_; }
  const stream_map& retired() const noexcept { return retired_; }

 private:
  static const stream_spec* find_in(const stream_map& map,
                                    std::string_view stream) noexcept {
    const auto found = map.find(stream);
    return found == map.end() ? nullptr : &found->second;
  }

  stream_map streams_;
  stream_map retired_;
};

using catalog_ptr = std::shared_ptr<const catalog>;

/// A copy of `next`; the streams of `old` that `next` no longer names are retired in it.
inline catalog_ptr with_retired(const catalog& next, const catalog& old) {
  auto retired = old.retired();
  for (const auto& [name, spec] : old.streams())
    retired.insert_or_assign(name, spec);
  for (const auto& [name, spec] : next.streams())
    retired.erase(name);
  return std::make_shared<const catalog>(next.streams(), std::move(retired));
}

/// Holds the current catalog. Any thread may call it; readers take the catalog once per
/// batch or request, not per record.
class catalog_holder {
 public:
  explicit catalog_holder(catalog_ptr first) : current_(std::move(first)) {}

  catalog_ptr get() const {
    const std::lock_guard guard{lock_};
    return current_;
  }
  void set(catalog_ptr next) {
    const std::lock_guard guard{lock_};
    current_.swap(next);
  }

 private:
  mutable std::mutex lock_;
  catalog_ptr current_;
};

} // namespace weir
