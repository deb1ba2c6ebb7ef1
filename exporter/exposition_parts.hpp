#pragma once

#include <chrono>

#include "exporter/family.hpp"

/// The parts of the page, each some families of one group, written by exposition_<part>.cpp.
/// Threads: pure.
namespace cpu_monitor::exporter {

// exposition_times.cpp
void render_core_times(const Rows& rows, PageWriter& page);     ///< cpu
void render_machine_times(const Rows& rows, PageWriter& page);  ///< load
void render_guest_times(const Rows& rows, PageWriter& page);    ///< detail

// exposition_load.cpp
void render_host(const Rows& rows, PageWriter& page);    ///< load
void render_cgroup(const Rows& rows, PageWriter& page);  ///< load

// exposition_burst.cpp
void render_bursts(const Rows& rows, std::chrono::milliseconds peak_window,
                   PageWriter& page);  ///< burst

// exposition_detail.cpp
void render_scheduler(const Rows& rows, PageWriter& page);    ///< detail
void render_frequencies(const Rows& rows, PageWriter& page);  ///< detail
void render_heat(const Rows& rows, PageWriter& page);         ///< detail
void render_topology(const Rows& rows, PageWriter& page);     ///< detail

// exposition_agent.cpp
void render_agent(const Rows& rows, PageWriter& page);  ///< agent

}  // namespace cpu_monitor::exporter
