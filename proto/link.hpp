// LINKS: the words for what two nodes of a cluster have between them.
#pragma once

#include "proto/node_card.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// Names a link between two nodes; random, chosen by the side that dialed.
using link_id = uint64_t;

/// Both ends of a link must speak the same version. Raise it with every change of a frame's bytes.
inline constexpr uint16_t protocol_version = 4;

/// One message on a link: `head`, then the text of a batch, which is sent from where it
/// lies and not copied.
struct outgoing_frame {
  outgoing_frame() = default;
  outgoing_frame(std::string bytes, std::shared_ptr<const std::string> behind = {})
    : head(std::move(bytes)), text(std::move(behind)) {}

  std::string head;
  std::shared_ptr<const std::string> text; ///< may be null

  size_t size() const noexcept { return head.size() + (text ? text->size() : 0); }
  std::string joined() const { return text ? head + *text : head; }
};

/// Kept with a received frame until it has been read: this bounds how far a peer sends ahead.
using frame_slip = std::shared_ptr<const void>;

/// Which leg of its way a batch is on; its receipt comes back on the same.
enum class link_flow : uint8_t {
  work,    ///< from a gateway to a worker
  persist, ///< from a worker to a persister
};
inline constexpr size_t link_flows = 2;
inline constexpr std::array<link_flow, link_flows> all_flows{link_flow::work,
                                                             link_flow::persist};
/// A flow's place in an array of what there is for each.
constexpr size_t index_of(link_flow flow) noexcept {
  return static_cast<size_t>(flow);
}

std::string_view to_string(link_flow flow) noexcept;

/// The bound on what may be outstanding; 0 batches: the receiver can't take work, send nothing.
struct link_window {
  uint32_t batches = 0;
  uint64_t bytes = 0;
  bool open() const noexcept { return batches > 0; }
  bool operator==(const link_window&) const = default;
};

} // namespace weir
