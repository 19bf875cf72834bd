package org.turboesm.engine.cuda;

import java.util.Optional;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.ForwardObserver;

/**
 * ESM-2's forward pass on the device, read top to bottom; {@link org.turboesm.esm2.EsmForward} is
 * its plain form. A block's output is added to the residual stream by the LayerNorm that reads it
 * next, so that the stream is read and written once a block.
 */
final class DeviceForward {
  private final EsmConfig config;
  private final KernelPrecision precision;
  private final KernelSet kernels;
  private final DeviceWeights weights;
  private final DeviceRotary rotary;

  DeviceForward(
      EsmConfig config,
      KernelPrecision precision,
      KernelSet kernels,
      DeviceWeights weights,
      DeviceRotary rotary) {
    this.config = config;
    this.precision = precision;
    this.kernels = kernels;
    this.weights = weights;
    this.rotary = rotary;
  }

  EsmConfig config() {
    return config;
  }

  KernelPrecision precision() {
    return precision;
  }

  KernelSet kernels() {
    return kernels;
  }

  DeviceWeights weights() {
    return weights;
  }

  DeviceRotary rotary() {
    return rotary;
  }

  /**
   * Queues a pass, and lets the observer see it, for which the host waits. The last hidden state is
   * left in {@link Workspace#hidden}.
   *
   * @param angles of all positions of the pass
   */
  void run(
      Lane lane,
      PassInputs inputs,
      DeviceRotary.Table angles,
      Workspace w,
      DeviceAttention attention,
      ForwardObserver observer) {
    int rows = inputs.rows();
    boolean observed = observer.seesAttention();
    float queryScale = (float) (1 / Math.sqrt(config.headDim()));
    kernels
        .embedding()
        .embed(
            lane.stream(),
            rows,
            config.hiddenSize(),
            inputs.tokens(),
            inputs.sequenceOfToken(),
            inputs.sequenceScales(),
            weights.wordEmbeddings(),
            config.tokenDropout() ? EsmTokenizer.MASK : EmbeddingKernels.NO_MASK_TOKEN,
            w.x());
    Optional<Product> pending = Optional.empty();
    for (int i = 0; i < weights.layers().size(); i++) {
      DeviceLayer layer = weights.layers().get(i);
      norm(lane, rows, w, pending, layer.attentionNorm());
      seeHiddenState(lane, observer, i, w.x(), rows);
      project(lane, layer.projections(), rows, w);
      attention.attend(
          lane,
          i,
          new Projections(
              layer.projections().product(w.projected(), w.normed()),
              angles.cosines(),
              angles.sines(),
              queryScale,
              config.heads()),
          w,
          observed);
      if (observed) {
        seeAttention(lane, observer, i, w, rows);
      }
      if (precision.quantized()) {
        kernels.quantize().quantize(lane.stream(), rows, w.attended(), w.attendedInput());
      }
      Product attended =
          multiply(lane, layer.attentionOutput(), w.attendedInput(), rows, w.delta());
      norm(lane, rows, w, Optional.of(attended), layer.feedForwardNorm());
      Product wide = multiply(lane, layer.intermediate(), w.normed(), rows, w.wide());
      kernels.gelu().biasGelu(lane.stream(), rows, wide, w.wideInput());
      pending = Optional.of(multiply(lane, layer.output(), w.wideInput(), rows, w.delta()));
    }
    DeviceNorm last = weights.finalNorm();
    kernels
        .layerNorm()
        .normFinal(
            lane.stream(),
            rows,
            w.x(),
            pending,
            last.weight(),
            last.bias(),
            config.layerNormEps(),
            w.hidden());
    seeHiddenState(lane, observer, weights.layers().size(), w.hidden(), rows);
  }

  private void norm(Lane lane, int rows, Workspace w, Optional<Product> delta, DeviceNorm norm) {
    kernels
        .layerNorm()
        .normResidual(
            lane.stream(),
            rows,
            w.x(),
            delta,
            norm.weight(),
            norm.bias(),
            config.layerNormEps(),
            w.normed());
  }

  private void project(Lane lane, DeviceProjections projections, int rows, Workspace w) {
    long column = 0;
    for (DeviceLinear part : projections.parts()) {
      long offset = column * precision.productBytes();
      lane.blas()
          .multiply(
              precision.product(),
              part.weight(),
              w.normed().values(),
              rows,
              part.inputs(),
              part.outputs(),
              w.projected().range(offset, w.projected().bytes() - offset),
              projections.outputs());
      column += part.outputs();
    }
  }

  /** Queues one linear layer's GEMM. */
  Product multiply(
      Lane lane, DeviceLinear linear, LinearInput input, int rows, DevicePointer products) {
    lane.blas()
        .multiply(
            precision.product(),
            linear.weight(),
            input.values(),
            rows,
            linear.inputs(),
            linear.outputs(),
            products,
            linear.outputs());
    return linear.product(products, input);
  }

  private void seeHiddenState(
      Lane lane, ForwardObserver observer, int index, DevicePointer state, int rows) {
    if (observer.seesHiddenStates()) {
      observer.hiddenState(index, lane.floats(state, rows * config.hiddenSize()));
    }
  }

  private void seeAttention(Lane lane, ForwardObserver observer, int layer, Workspace w, int rows) {
    int size = rows * config.hiddenSize();
    observer.attention(
        layer,
        lane.activations(w.queries(), size, precision),
        lane.activations(w.keys(), size, precision),
        lane.activations(w.values(), size, precision),
        lane.activations(w.attended(), size, precision));
  }
}
