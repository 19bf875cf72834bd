package org.turboesm.engine.cuda;

/** One transformer layer's weights on the device. */
record DeviceLayer(
    DeviceNorm attentionNorm,
    DeviceProjections projections,
    DeviceLinear attentionOutput,
    DeviceNorm feedForwardNorm,
    DeviceLinear intermediate,
    DeviceLinear output) {

  DeviceLayer with(DeviceProjections otherProjections, DeviceLinear otherAttentionOutput) {
    return new DeviceLayer(
        attentionNorm,
        otherProjections,
        otherAttentionOutput,
        feedForwardNorm,
        intermediate,
        output);
  }
}
