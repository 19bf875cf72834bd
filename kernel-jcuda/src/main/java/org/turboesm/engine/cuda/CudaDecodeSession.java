package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaGraph;
import org.turboesm.cuda.DeviceArena;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.RangeTally;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Lockstep decode on the device. A step is a graph: what it works on, lengths too, lies on the
 * device at fixed addresses, so that the same graph serves every step of as many rows. Rows are
 * rounded up, so that a graph also serves while sequences end; the rows too many are padding.
 */
final class CudaDecodeSession implements DecodeSession {
  private static final int PADDING = -1;

  /** Up to here rows are rounded up to a power of two, beyond to a multiple. */
  private static final int ROWS_STEP = 8;

  private final CudaContext context;
  private final DeviceForward forward;
  private final SessionCache cache;
  private final RangeTally tally;
  private final Lane lane;
  private final int[] capacities;
  private final int[] firstSlots;
  private final float[] maskedFractions;
  private final int[] lengths;
  private final Map<Integer, CudaGraph> graphs = new HashMap<>();
  private final Set<Integer> warm = new HashSet<>();
  private LanePool.Lease lease;

  /**
   * While a prefill or a step runs, and for good where it failed: then its counts are not whole.
   */
  private boolean unfinished;

  private float[] prefixHidden;
  private Step step;
  private long lookedAt;

  /** What steps work in and on, at addresses that do not change. */
  private record Step(
      DevicePointer uploads,
      PassInputs inputs,
      DevicePointer sequences,
      DevicePointer lengths,
      DevicePointer kvLens,
      DevicePointer firstSlots,
      DeviceRotary.Table angles,
      Workspace workspace,
      DevicePointer queries,
      PartialStates partial) {}

  private CudaDecodeSession(
      CudaContext context,
      DeviceForward forward,
      SessionCache cache,
      Lane lane,
      TokenBatch prefixes,
      int[] capacities,
      RangeTally tally) {
    this.context = context;
    this.forward = forward;
    this.cache = cache;
    this.tally = tally;
    this.lane = lane;
    this.capacities = capacities.clone();
    this.firstSlots = BlockPlacement.firstSlots(capacities);
    this.maskedFractions = prefixes.maskedFractions();
    this.lengths = prefixes.lengths();
    try {
      reserve(prefixes);
    } catch (RuntimeException e) {
      cache.close();
      throw e;
    }
  }

  /** Makes room for a session over packed caches. */
  static CudaDecodeSession packed(
      CudaContext context,
      DeviceForward forward,
      DeviceCodec codec,
      Lane lane,
      TokenBatch prefixes,
      int[] capacities,
      RangeTally tally) {
    check(prefixes, capacities);
    int[] slots = BlockPlacement.firstSlots(capacities);
    SessionCache cache =
        new PackedSessionCache(
            context,
            lane,
            forward,
            codec,
            capacities.length,
            slots[capacities.length],
            longest(capacities),
            tally.counting());
    return new CudaDecodeSession(context, forward, cache, lane, prefixes, capacities, tally);
  }

  /** Makes room for a session over full-precision caches. */
  static CudaDecodeSession full(
      CudaContext context,
      DeviceForward forward,
      Lane lane,
      TokenBatch prefixes,
      int[] capacities) {
    check(prefixes, capacities);
    int[] slots = BlockPlacement.firstSlots(capacities);
    SessionCache cache =
        new FullSessionCache(context, forward, slots[capacities.length], longest(capacities));
    return new CudaDecodeSession(
        context, forward, cache, lane, prefixes, capacities, RangeTally.NONE);
  }

  private static void check(TokenBatch prefixes, int[] capacities) {
    if (capacities.length != prefixes.sequences()) {
      throw new IllegalArgumentException(
          prefixes.sequences() + " prefixes and " + capacities.length + " capacities");
    }
    for (int s = 0; s < capacities.length; s++) {
      if (prefixes.length(s) > capacities[s]) {
        throw new IllegalArgumentException(
            "a prefix of " + prefixes.length(s) + " tokens and a cache for " + capacities[s]);
      }
    }
  }

  private static int longest(int[] capacities) {
    return Arrays.stream(capacities).max().orElseThrow();
  }

  /** The lane is this session's until it is closed. */
  void keep(LanePool.Lease ownLease) {
    this.lease = ownLease;
  }

  /** Makes the arena large enough for the prefill and for every step, so that it never moves. */
  private void reserve(TokenBatch prefixes) {
    forward.rotary().table(longest(capacities));
    lane.arena().reset(Math.max(prefillBytes(prefixes), stepBytes()));
  }

  private List<int[]> prefillArrays(TokenBatch prefixes) {
    List<int[]> arrays = new ArrayList<>(PassInputs.arrays(prefixes, forward.config()));
    arrays.addAll(PrefillInputs.arrays(prefixes, forward.kernels().prefill().tiling()));
    arrays.add(BlockPlacement.entries(prefixes, s -> firstSlots[s], cache.tail()));
    return arrays;
  }

  private long prefillBytes(TokenBatch prefixes) {
    return Lane.uploadBytes(prefillArrays(prefixes))
        + Workspace.bytes(forward.config(), forward.precision(), prefixes.size());
  }

  private long stepBytes() {
    EsmConfig config = forward.config();
    int rows = roundUp(lengths.length);
    return Lane.uploadBytes(stepArrays(new int[0], new int[0]))
        + Lane.uploadBytes(List.of(lengths, lengths, firstSlots))
        + Workspace.bytes(config, forward.precision(), rows)
        + DeviceArena.aligned((long) rows * config.hiddenSize() * Float.BYTES)
        + DeviceArena.aligned(
            PartialStates.outputBytes(rows, config.heads(), cache.splits(), config.headDim()))
        + DeviceArena.aligned(PartialStates.stateBytes(rows, config.heads(), cache.splits()));
  }

  /** Runs the prefixes. */
  void prefill(TokenBatch prefixes, ForwardObserver observer) {
    unfinished = true;
    EsmConfig config = forward.config();
    List<int[]> arrays = prefillArrays(prefixes);
    List<DevicePointer> uploaded = lane.upload(arrays);
    PassInputs inputs = PassInputs.of(prefixes.size(), uploaded);
    PrefillInputs prefill =
        PrefillInputs.of(
            uploaded.subList(PassInputs.ARRAYS, PassInputs.ARRAYS + PrefillInputs.ARRAYS));
    int last = arrays.size() - 1;
    TokenBlocks blocks = new TokenBlocks(uploaded.get(last), arrays.get(last).length / 4);
    Workspace workspace =
        Workspace.take(lane.arena(), config, forward.precision(), prefixes.size());
    forward.run(
        lane,
        inputs,
        forward.rotary().table(prefixes.positions()),
        workspace,
        (on, layer, projections, w, observed) -> {
          cache.fill(on, layer, projections, inputs, blocks, w);
          prefill.attend(on, forward.kernels(), config.heads(), w);
        },
        observer);
    lookedAt += RangeTally.lookedAt(prefixes.positionOfToken());
    prefixHidden = lane.floats(workspace.hidden(), prefixes.size() * config.hiddenSize());
    step = placeStep();
    unfinished = false;
  }

  /** Places what steps work on where the prefill has worked. */
  private Step placeStep() {
    EsmConfig config = forward.config();
    lane.arena().reset(stepBytes());
    int rows = roundUp(lengths.length);
    List<int[]> arrays = stepArrays(new int[0], new int[0]);
    DevicePointer uploads = lane.arena().take(Lane.uploadBytes(arrays));
    List<DevicePointer> parts = Lane.parts(uploads, arrays);
    int[] kvLens = Arrays.stream(lengths).map(length -> length + 1).toArray();
    List<DevicePointer> state = lane.upload(List.of(lengths, kvLens, firstSlots));
    Workspace workspace = Workspace.take(lane.arena(), config, forward.precision(), rows);
    DevicePointer queries = lane.arena().take((long) rows * config.hiddenSize() * Float.BYTES);
    PartialStates partial =
        new PartialStates(
            cache.splits(),
            lane.arena()
                .take(
                    PartialStates.outputBytes(
                        rows, config.heads(), cache.splits(), config.headDim())),
            lane.arena().take(PartialStates.stateBytes(rows, config.heads(), cache.splits())));
    return new Step(
        uploads,
        PassInputs.of(rows, parts),
        parts.get(PassInputs.ARRAYS),
        state.get(0),
        state.get(1),
        state.get(2),
        forward.rotary().table(longest(capacities)),
        workspace,
        queries,
        partial);
  }

  /** A step's input: as {@link PassInputs}, and the sequence of each row. */
  private List<int[]> stepArrays(int[] sequences, int[] tokens) {
    int rows = roundUp(lengths.length);
    int[] rowTokens = new int[rows];
    int[] sequenceOfToken = new int[rows];
    int[] positions = new int[rows];
    int[] rowSequences = new int[rows];
    Arrays.fill(rowSequences, PADDING);
    for (int i = 0; i < sequences.length; i++) {
      rowTokens[i] = tokens[i];
      sequenceOfToken[i] = sequences[i];
      positions[i] = lengths[sequences[i]];
      rowSequences[i] = sequences[i];
    }
    int[] scales = new int[lengths.length];
    for (int s = 0; s < scales.length; s++) {
      scales[s] = Float.floatToRawIntBits(forward.config().embeddingScale(maskedFractions[s]));
    }
    return List.of(rowTokens, sequenceOfToken, scales, positions, rowSequences);
  }

  private static int roundUp(int rows) {
    if (rows <= ROWS_STEP) {
      return rows <= 1 ? 1 : Integer.highestOneBit(rows - 1) << 1;
    }
    return (rows + ROWS_STEP - 1) / ROWS_STEP * ROWS_STEP;
  }

  @Override
  public float[] prefixHidden() {
    return prefixHidden;
  }

  @Override
  public float[] decode(int[] sequences, int[] tokens, ForwardObserver observer) {
    check(sequences);
    unfinished = true;
    context.makeCurrent();
    lane.uploadTo(step.uploads(), stepArrays(sequences, tokens));
    int rows = roundUp(sequences.length);
    if (observer.seesAttention() || observer.seesHiddenStates()) {
      queueStep(rows, sequences.length, observer);
    } else if (graphs.containsKey(rows)) {
      graphs.get(rows).launch(lane.stream());
    } else if (warm.add(rows)) {
      // The first run of a shape loads code, which must not happen while a graph is recorded.
      queueStep(rows, sequences.length, ForwardObserver.NONE);
    } else {
      CudaGraph graph =
          lane.stream().capture(() -> queueStep(rows, sequences.length, ForwardObserver.NONE));
      graphs.put(rows, graph);
      graph.launch(lane.stream());
    }
    for (int sequence : sequences) {
      if (RangeTally.looksAt(lengths[sequence])) {
        lookedAt++;
      }
      lengths[sequence]++;
    }
    float[] hidden =
        lane.floats(step.workspace().hidden(), sequences.length * forward.config().hiddenSize());
    unfinished = false;
    return hidden;
  }

  private void check(int[] sequences) {
    if (Arrays.stream(sequences).distinct().count() != sequences.length) {
      throw new IllegalArgumentException(
          "a sequence occurs twice in one step: " + Arrays.toString(sequences));
    }
    for (int sequence : sequences) {
      if (lengths[sequence] >= capacities[sequence]) {
        throw new IllegalStateException(
            "sequence "
                + sequence
                + " has reached the capacity of its cache, "
                + capacities[sequence]
                + " tokens");
      }
    }
  }

  private void queueStep(int rows, int decoded, ForwardObserver observer) {
    KernelSet kernels = forward.kernels();
    int heads = forward.config().heads();
    DecodeRows before = new DecodeRows(rows, step.sequences(), step.lengths(), step.firstSlots());
    DecodeRows after = new DecodeRows(rows, step.sequences(), step.kvLens(), step.firstSlots());
    PassInputs inputs =
        new PassInputs(
            rows,
            step.inputs().tokens(),
            step.inputs().sequenceOfToken(),
            step.inputs().sequenceScales(),
            step.inputs().positions());
    forward.run(
        lane,
        inputs,
        step.angles(),
        step.workspace(),
        (on, layer, projections, w, observed) -> {
          if (observed) {
            kernels
                .qkv()
                .rotate(
                    on.stream(),
                    projections,
                    inputs.positions(),
                    rows,
                    w.queries(),
                    w.keys(),
                    w.values());
          }
          cache.step(on, layer, projections, before, after, step.queries(), step.partial());
          kernels
              .fullDecode()
              .merge(on.stream(), rows, heads, step.partial(), step.sequences(), w.attended());
        },
        new FirstRows(observer, decoded, forward.config().hiddenSize()));
    kernels.append().advance(lane.stream(), before);
    kernels.append().advance(lane.stream(), after);
  }

  @Override
  public long cacheBytes(int sequence) {
    return cache.bytes(lengths[sequence]);
  }

  @Override
  public void close() {
    if (lease == null) {
      return;
    }
    context.enterToRelease();
    Opened held = new Opened();
    held.add(lease);
    held.add(cache);
    graphs.values().forEach(held::add);
    lease = null;
    try {
      if (unfinished) {
        // Before what it works on is freed and others may have the lane.
        lane.abandon();
      } else if (context.healthy()) {
        cache.addRangesTo(tally, lane, lookedAt);
      }
    } finally {
      held.close();
    }
  }
}
