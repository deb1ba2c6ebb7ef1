#pragma once

#include "common/net/asio.hpp"

namespace cpu_monitor::net {

/// Options of every connection between agent and exporter, on both sides: no Nagle delay; keepalive
/// after 30 s, every 10 s, 3 times; unacknowledged data kills the connection after 20 s.  A
/// half-open link is found in at most a minute by the kernel alone.  Failures are ignored: they
/// mean the peer is already gone, which the next read says.
void set_tcp_options(asio::ip::tcp::socket& socket);

}  // namespace cpu_monitor::net
