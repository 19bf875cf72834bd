package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDevice;
import org.turboesm.cuda.DeviceArena;
import org.turboesm.cuda.DeviceBlas;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.MemoryPlan;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RowErrors;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * A model that is resident on a GPU: weights once, two lanes for the passes of any number of
 * threads, and as many for decode sessions.
 */
final class CudaEngine implements EsmEngine {
  /** The widest rows that the kernels hold in registers: the feed-forward block of 15B. */
  private static final int MAX_WIDTH = 20480;

  private final EsmWeights weights;
  private final EngineCapabilities capabilities;
  private final CudaContext context;
  private final DeviceForward forward;
  private final LanePool lanes;
  private final ModelRoom room;
  private final Opened opened = new Opened();

  /**
   * @param weights read now, and again by {@link #turbo}; stays the caller's to close
   * @throws TurboEsmException if the model does not fit in the device's memory
   */
  CudaEngine(
      EsmWeights weights, CudaDevice device, Precision precision, EngineCapabilities capabilities) {
    this.weights = weights;
    this.capabilities = capabilities;
    EsmConfig config = weights.config();
    KernelPrecision kernelPrecision = KernelPrecision.of(precision);
    requireSizes(config);
    this.context = opened.add(CudaContext.open(device));
    this.room = new ModelRoom(context, config, weights.hasLmHead(), precision);
    try {
      room.requireResident();
      KernelSet kernels = opened.add(new KernelSet(context, config, kernelPrecision.storage()));
      DeviceWeights resident =
          opened.add(DeviceWeights.load(context, weights, kernelPrecision.storage()));
      DeviceRotary rotary = opened.add(new DeviceRotary(context, weights.inverseFrequency()));
      this.forward = new DeviceForward(config, kernelPrecision, kernels, resident, rotary);
      this.lanes = opened.add(new LanePool(context, MemoryPlan.LANES));
    } catch (OutOfDeviceMemoryException e) {
      throw opened.closedAfter(room.refusal(e));
    } catch (RuntimeException e) {
      throw opened.closedAfter(e);
    }
  }

  private static void requireSizes(EsmConfig config) {
    if (config.headDim() % 8 != 0 || config.headDim() > 128) {
      throw new TurboEsmException(
          "engine cuda needs a head_dim that is a multiple of 8 and no more than 128; the model's"
              + " is "
              + config.headDim());
    }
    if (config.intermediateSize() > MAX_WIDTH || config.intermediateSize() % 4 != 0) {
      throw new TurboEsmException(
          "engine cuda needs an intermediate_size that is a multiple of 4 and no more than "
              + MAX_WIDTH
              + "; the model's is "
              + config.intermediateSize());
    }
  }

  @Override
  public EsmConfig config() {
    return forward.config();
  }

  @Override
  public EngineCapabilities capabilities() {
    return capabilities;
  }

  @Override
  public boolean healthy() {
    return context.healthy();
  }

  @Override
  public <T> T runAlone(Supplier<T> work) {
    return lanes.runAlone(work);
  }

  @Override
  public float[] encode(TokenBatch batch, ForwardObserver observer) {
    return lanes.run(lane -> encode(lane, batch, observer, PassResult.HIDDEN_STATES));
  }

  @Override
  public float[] meanEmbeddings(TokenBatch batch, ForwardObserver observer) {
    return lanes.run(lane -> encode(lane, batch, observer, PassResult.MEANS));
  }

  private Supplier<float[]> encode(
      Lane lane, TokenBatch batch, ForwardObserver observer, PassResult result) {
    EsmConfig config = config();
    List<int[]> arrays = new ArrayList<>(PassInputs.arrays(batch, config));
    arrays.addAll(PrefillInputs.arrays(batch, forward.kernels().prefill().tiling()));
    arrays.addAll(result.arrays(batch));
    DeviceRotary.Table angles = forward.rotary().table(batch.positions());
    lane.arena()
        .reset(
            Lane.uploadBytes(arrays) + Workspace.bytes(config, forward.precision(), batch.size()));
    List<DevicePointer> uploaded = lane.upload(arrays);
    PassInputs inputs = PassInputs.of(batch.size(), uploaded);
    int prefillEnd = PassInputs.ARRAYS + PrefillInputs.ARRAYS;
    PrefillInputs prefill = PrefillInputs.of(uploaded.subList(PassInputs.ARRAYS, prefillEnd));
    Workspace workspace = Workspace.take(lane.arena(), config, forward.precision(), batch.size());
    KernelSet kernels = forward.kernels();
    DeviceAttention attention = prefill.attention(kernels, inputs, config.heads());
    return () -> {
      forward.run(lane, inputs, angles, workspace, attention, observer);
      return result.download(
          lane,
          kernels.pooling(),
          config,
          batch,
          workspace,
          uploaded.subList(prefillEnd, uploaded.size()));
    };
  }

  @Override
  public float[] logits(float[] hidden, int rows) {
    DeviceWeights.LmHead head =
        forward
            .weights()
            .lmHead()
            .orElseThrow(
                () ->
                    new TurboEsmException(
                        "the model has no lm_head tensors, so it gives no logits; use the"
                            + " EsmForMaskedLM form of its weights"));
    return lanes.run(lane -> logits(lane, head, hidden, rows));
  }

  private Supplier<float[]> logits(Lane lane, DeviceWeights.LmHead head, float[] hidden, int rows) {
    EsmConfig config = config();
    long hiddenBytes = (long) rows * config.hiddenSize() * Float.BYTES;
    long logitBytes = (long) rows * config.vocabularySize() * Float.BYTES;
    List<int[]> arrays = List.of(bits(hidden, rows * config.hiddenSize()));
    lane.arena()
        .reset(
            Lane.uploadBytes(arrays)
                + 2 * DeviceArena.aligned(hiddenBytes)
                + 2 * DeviceArena.aligned(logitBytes));
    DevicePointer input = lane.upload(arrays).get(0);
    DevicePointer dense = lane.arena().take(hiddenBytes);
    DevicePointer normed = lane.arena().take(hiddenBytes);
    DevicePointer product = lane.arena().take(logitBytes);
    DevicePointer logits = lane.arena().take(logitBytes);
    KernelSet kernels = forward.kernels();
    LinearInput denseInput = new LinearInput(dense, null);
    kernels
        .headGelu()
        .biasGelu(
            lane.stream(),
            rows,
            multiplyFloats(lane, head.dense(), new LinearInput(input, null), rows, dense),
            denseInput);
    kernels
        .headNorm()
        .normFinal(
            lane.stream(),
            rows,
            dense,
            java.util.Optional.empty(),
            head.norm().weight(),
            head.norm().bias(),
            config.layerNormEps(),
            normed);
    kernels
        .headGelu()
        .biasAdd(
            lane.stream(),
            rows,
            config.vocabularySize(),
            multiplyFloats(lane, head.decoder(), new LinearInput(normed, null), rows, product),
            logits);
    return () -> lane.floats(logits, rows * config.vocabularySize());
  }

  private static Product multiplyFloats(
      Lane lane, DeviceLinear linear, LinearInput input, int rows, DevicePointer products) {
    lane.blas()
        .multiply(
            DeviceBlas.Format.F32,
            linear.weight(),
            input.values(),
            rows,
            linear.inputs(),
            linear.outputs(),
            products,
            linear.outputs());
    return linear.product(products, input);
  }

  @Override
  public boolean hasLmHead() {
    return forward.weights().lmHead().isPresent();
  }

  @Override
  public float[] projectAttention(int layer, float[] attended, int rows) {
    return lanes.run(lane -> projectAttention(lane, layer, attended, rows));
  }

  private Supplier<float[]> projectAttention(Lane lane, int layer, float[] attended, int rows) {
    DevicePointer output = queueProjection(lane, layer, attended, rows, 0);
    return () -> lane.floats(output, rows * config().hiddenSize());
  }

  @Override
  public RowErrors projectedErrors(int layer, float[] reference, float[] actual, int rows) {
    return lanes.run(lane -> projectedErrors(lane, layer, reference, actual, rows));
  }

  private Supplier<RowErrors> projectedErrors(
      Lane lane, int layer, float[] reference, float[] actual, int rows) {
    int hidden = config().hiddenSize();
    int size = rows * hidden;
    float[] both = Arrays.copyOf(reference, 2 * size);
    System.arraycopy(actual, 0, both, size, size);
    long errorBytes = 2L * rows * Float.BYTES;
    DevicePointer projected =
        queueProjection(lane, layer, both, 2 * rows, DeviceArena.aligned(errorBytes));
    DevicePointer errors = lane.arena().take(errorBytes);
    long halfBytes = (long) size * Float.BYTES;
    forward
        .kernels()
        .fidelity()
        .rowErrors(
            lane.stream(),
            rows,
            hidden,
            projected.range(0, halfBytes),
            projected.range(halfBytes, halfBytes),
            errors);
    return () -> rowErrors(lane.floats(errors, 2 * rows));
  }

  /**
   * @param errors [rows, 2]
   */
  private static RowErrors rowErrors(float[] errors) {
    int rows = errors.length / 2;
    RowErrors result = new RowErrors(new double[rows], new double[rows]);
    for (int r = 0; r < rows; r++) {
      result.squaredReference()[r] = errors[2 * r];
      result.squaredError()[r] = errors[2 * r + 1];
    }
    return result;
  }

  /**
   * Queues W_o o + b_o.
   *
   * @param attended [rows, heads, headDim]
   * @param moreBytes of the arena that are wanted besides
   * @return floats, [rows, hidden]
   */
  private DevicePointer queueProjection(
      Lane lane, int layer, float[] attended, int rows, long moreBytes) {
    int size = rows * config().hiddenSize();
    KernelPrecision precision = forward.precision();
    List<int[]> arrays =
        List.of(
            precision.activationBytes() == Float.BYTES
                ? bits(attended, size)
                : pairs(WeightUpload.toBfloat16(attended), size));
    long outputBytes = (long) size * Float.BYTES;
    lane.arena()
        .reset(
            Lane.uploadBytes(arrays)
                + Workspace.bytes(config(), precision, rows)
                + DeviceArena.aligned(outputBytes)
                + moreBytes);
    DevicePointer input = lane.upload(arrays).get(0);
    Workspace w = Workspace.take(lane.arena(), config(), precision, rows);
    DevicePointer output = lane.arena().take(outputBytes);
    LinearInput linearInput = new LinearInput(input, null);
    if (precision.quantized()) {
      forward.kernels().quantize().quantize(lane.stream(), rows, input, w.attendedInput());
      linearInput = w.attendedInput();
    }
    DeviceLinear linear = forward.weights().layers().get(layer).attentionOutput();
    forward
        .kernels()
        .gelu()
        .biasAdd(
            lane.stream(),
            rows,
            config().hiddenSize(),
            forward.multiply(lane, linear, linearInput, rows, w.delta()),
            output);
    return output;
  }

  private static int[] bits(float[] values, int count) {
    int[] bits = new int[count];
    for (int i = 0; i < count; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  /** Two shorts an int, the first in the lower half. */
  private static int[] pairs(short[] values, int count) {
    int[] pairs = new int[(count + 1) / 2];
    for (int i = 0; i < count; i++) {
      pairs[i / 2] |= (values[i] & 0xFFFF) << Short.SIZE * (i % 2);
    }
    return pairs;
  }

  @Override
  public TurboEngine turbo(KvCodec codec) {
    codec.requireFit(config());
    try {
      // The lane's stream arranges the maps; its room is not needed.
      return lanes.run(
          lane -> {
            TurboEngine packed = turbo(lane, codec);
            return () -> packed;
          });
    } catch (OutOfDeviceMemoryException e) {
      throw room.refusalOfFolding(codec, e);
    }
  }

  private TurboEngine turbo(Lane lane, KvCodec codec) {
    DeviceWeights folded = forward.weights().fold(context, weights, codec);
    try {
      return new CudaTurboEngine(
          context,
          new DeviceForward(
              config(), forward.precision(), forward.kernels(), folded, forward.rotary()),
          new DeviceCodec(context, lane.stream(), forward.kernels(), codec),
          lanes);
    } catch (RuntimeException e) {
      folded.close();
      throw e;
    }
  }

  @Override
  public void close() {
    context.enterToRelease();
    opened.close();
  }
}
