// CATALOG: every configured stream with its compiled schema and steps. Immutable; a reload makes
// a new one and swaps it in the holder, and batches in hand keep working with either.
#pragma once

#include "proto/stream_settings.hpp"
#include "records/plan.hpp"
#include "records/schema.hpp"

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
};

class catalog {
public:
  explicit catalog(std::map<std::string, stream_spec, std::less<>> streams)
    : streams_(std::move(streams)) {}

  /// Null when there is no such stream. Valid as long as the catalog.
  const stream_spec* find(std::string_view stream) const noexcept {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? nullptr : &found->second;
  }
  const std::map<std::string, stream_spec, std::less<>>& streams() const noexcept {
    return streams_;
  }

private:
  std::map<std::string, stream_spec, std::less<>> streams_;
};

using catalog_ptr = std::shared_ptr<const catalog>;

/// The current catalog. Any thread; readers take it once per batch or request, not per record.
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
