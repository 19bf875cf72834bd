package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.DeviceBuffer;

/** What one test has on the device, beside the device's own buffers; freed together. */
final class KeptResources {
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final List<LayerCodec> codecs = new ArrayList<>();

  DeviceBuffer keep(DeviceBuffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  LayerCodec keep(LayerCodec codec) {
    codecs.add(codec);
    return codec;
  }

  void free() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
    codecs.forEach(LayerCodec::close);
    codecs.clear();
  }
}
