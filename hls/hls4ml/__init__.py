"""The hls4ml backend: layers, C++ templates, projects."""
