package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.RandomCodec;

/** Packed blocks read back, and maps of whole sequences, against plain loops. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UnpackKernelsTest {
  private static final long SEED = 20260202;
  private static final int HEADS = 3;
  private static final int BLOCK = 32;

  /** What buffers hold before a launch. */
  private static final float UNWRITTEN = 42;

  private final KeptResources kept = new KeptResources();
  private TestDevice device;

  @BeforeAll
  void open() {
    device = new TestDevice();
  }

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
    kept.free();
  }

  @AfterAll
  void close() {
    device.close();
  }

  static Stream<Arguments> formats() {
    return CudaFormats.all();
  }

  /** Centroids are read, multiplied and rounded once each: not one bit may differ. */
  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void everyTokenReadsBackAsItsCentroids(Precision precision, int headDim) {
    SplittableRandom random = new SplittableRandom(SEED);
    PackedBatch batch = new PackedBatch(new int[] {1, 2, 31, 32, 33, 127}, false);
    List<HeadCodec> heads =
        IntStream.range(0, HEADS).mapToObj(h -> headCodec(random, headDim, h)).toList();
    LayerCodec codec = kept.keep(new LayerCodec(device.stream().context(), heads));
    int[] randomWords = random.ints((long) batch.slots() * codec.wordsPerSlot()).toArray();
    short[] randomScales = new short[batch.slots() * HEADS * BLOCK];
    for (int i = 0; i < randomScales.length; i++) {
      randomScales[i] = (short) (Float.floatToIntBits(random.nextFloat(2)) >>> 16);
    }
    DeviceBuffer words = device.upload(randomWords);
    DeviceBuffer scales = device.upload(randomScales);
    Activations activations = new Activations(device.stream().context(), precision);
    int size = (batch.rows() + 1) * HEADS * headDim;
    DeviceBuffer keys = unwritten(activations, size);
    DeviceBuffer values = unwritten(activations, size);

    new UnpackKernels(device.library(), precision, headDim)
        .unpack(
            device.stream(),
            codec,
            new PackedSlots(words, scales, null),
            new TokenBlocks(device.upload(batch.entries()), batch.blocks().size()),
            HEADS,
            keys,
            values);

    DownloadedSlots slots = new DownloadedSlots(codec, HEADS, headDim, words, scales);
    float[] expectedKeys = new float[size];
    float[] expectedValues = new float[size];
    Arrays.fill(expectedKeys, UNWRITTEN);
    Arrays.fill(expectedValues, UNWRITTEN);
    for (PackedBatch.Block block : batch.blocks()) {
      for (int i = 0; i < block.tokens() * HEADS * headDim; i++) {
        int token = i / (HEADS * headDim);
        int h = i / headDim % HEADS;
        int c = i % headDim;
        int element = ((block.firstRow() + token) * HEADS + h) * headDim + c;
        Codebook keyTables = heads.get(h).keyCodebook();
        Codebook valueTables = heads.get(h).valueCodebook();
        float scale =
            heads.get(h).tokenScaledValues()
                ? Float.intBitsToFloat(slots.scale(block.slot(), h, token) << 16)
                : 1;
        expectedKeys[element] = keyTables.centroid(c, slots.code(block.slot(), h, c, token));
        expectedValues[element] =
            valueTables.centroid(c, slots.code(block.slot(), h, headDim + c, token)) * scale;
      }
    }
    activations.round(expectedKeys);
    activations.round(expectedValues);
    assertThat(activations.download(keys, size)).as("seed %d", SEED).isEqualTo(expectedKeys);
    assertThat(activations.download(values, size)).as("seed %d", SEED).isEqualTo(expectedValues);
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void mappedHeadsEqualTheReferenceAlsoInPlace(Precision precision, int headDim) {
    SplittableRandom random = new SplittableRandom(SEED + 1);
    List<AffineMap> maps =
        IntStream.range(0, HEADS)
            .mapToObj(
                h ->
                    new AffineMap(
                        headDim,
                        RandomCodec.maps(random, headDim).query().columns(),
                        RandomCodec.floats(random, headDim)))
            .toList();
    UnpackKernels kernels = new UnpackKernels(device.library(), precision, headDim);
    DeviceBuffer arranged = device.upload(new byte[(int) kernels.arrangedBytes(HEADS)]);
    kernels.arrange(
        device.stream(),
        device.upload(joined(maps.stream().map(AffineMap::columns).toList())),
        HEADS,
        arranged);
    DeviceBuffer biases = device.upload(joined(maps.stream().map(AffineMap::bias).toList()));
    Activations activations = new Activations(device.stream().context(), precision);
    for (int rows : new int[] {1, 2, 31, 32, 33, 127}) {
      float[] x = RandomCodec.floats(random, (rows + 1) * HEADS * headDim);
      activations.round(x);
      DeviceBuffer source = kept.keep(activations.upload(x, "rows"));
      DeviceBuffer target = unwritten(activations, x.length);
      kernels.map(device.stream(), source, arranged, biases, rows, HEADS, target);
      kernels.map(device.stream(), source, arranged, biases, rows, HEADS, source);
      float[] found = activations.download(target, x.length);
      int written = rows * HEADS * headDim;
      checkMapped(maps, precision, x, found, written);
      assertThat(Arrays.copyOfRange(found, written, x.length)).containsOnly(UNWRITTEN);
      System.arraycopy(found, 0, x, 0, written);
      assertThat(activations.download(source, x.length)).as("in place").isEqualTo(x);
    }
  }

  private static void checkMapped(
      List<AffineMap> maps, Precision precision, float[] x, float[] found, int size) {
    int headDim = maps.get(0).size();
    double[] vector = new double[headDim];
    for (int i = 0; i < size; i++) {
      int c = i % headDim;
      for (int k = 0; k < headDim && c == 0; k++) {
        vector[k] = x[i + k];
      }
      MapLimit map = MapLimit.ofBlocks(maps.get(i / headDim % HEADS), precision);
      RoundedInterval expected =
          RoundedInterval.around(map.value(vector, c), map.limit(vector, new double[headDim], c))
              .activation(precision);
      if (!expected.contains(found[i])) {
        throw new AssertionError(
            String.format(
                "element %d of %d: found %s, expected %s; seed %d",
                i, size, found[i], expected, SEED));
      }
    }
  }

  private DeviceBuffer unwritten(Activations activations, int size) {
    float[] filled = new float[size];
    Arrays.fill(filled, UNWRITTEN);
    return kept.keep(activations.upload(filled, "rows"));
  }

  /** Widths from 0 to 8, uniform three bits in the second head; the last head scales its values. */
  private static HeadCodec headCodec(SplittableRandom random, int headDim, int head) {
    int[] keyBits =
        head == 1 ? RandomCodec.uniformBits(headDim, 3) : RandomCodec.bits(random, headDim);
    int[] valueBits =
        head == 1 ? RandomCodec.uniformBits(headDim, 3) : RandomCodec.bits(random, headDim);
    HeadCodec codec = RandomCodec.head(random, keyBits, valueBits);
    return head == HEADS - 1 ? RandomCodec.withTokenScales(codec) : codec;
  }

  private static float[] joined(List<float[]> arrays) {
    float[] joined = new float[arrays.stream().mapToInt(array -> array.length).sum()];
    int offset = 0;
    for (float[] array : arrays) {
      System.arraycopy(array, 0, joined, offset, array.length);
      offset += array.length;
    }
    return joined;
  }
}
