package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.TurboEsmException;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

class CalibrationTest {
  private final Configuration configuration = new Configuration(false);
  private final Calibration calibration =
      new Calibration(
          CodecSpec.of("default", 2, 1),
          "a1b2",
          List.of("ffff", "0000"),
          123,
          new KvCodec(
              List.of(
                  List.of(head(1f), head(2f)),
                  List.of(head(3f), head(4f)),
                  List.of(head(5f), head(6f))),
              true),
          null);

  @TempDir java.nio.file.Path folder;
  private Path file;

  @BeforeEach
  void file() {
    file = new Path(folder.resolve("calibration.parquet").toUri());
  }

  @Test
  void whatIsWrittenIsReadBack() {
    calibration.write(file, configuration);
    assertThat(Calibration.read(file, configuration)).isEqualTo(calibration);
  }

  @Test
  void heldOutFiguresAreKept() {
    Calibration measured =
        calibration.withHeldOut(
            new HeldOut(5, new double[] {0.9, 0.8, 0.7}, new double[] {0.1, 0.2, 0.3}));
    measured.write(file, configuration);
    assertThat(Calibration.read(file, configuration)).isEqualTo(measured);
  }

  @Test
  void heldOutFiguresDoNotChangeTheHash() {
    assertThat(calibration.withHeldOut(new HeldOut(1, new double[3], new double[3])).hash())
        .isEqualTo(calibration.hash());
  }

  @Test
  void aFolderWithOneFileIsReadToo() {
    calibration.write(file, configuration);
    assertThat(Calibration.read(file.getParent(), configuration)).isEqualTo(calibration);
  }

  @Test
  void anOlderFileIsReplaced() {
    calibration
        .withHeldOut(new HeldOut(1, new double[3], new double[3]))
        .write(file, configuration);
    calibration.write(file, configuration);
    assertThat(Calibration.read(file, configuration)).isEqualTo(calibration);
  }

  @Test
  void otherWeightsAreRefused() {
    calibration.requireModel("a1b2");
    assertThatThrownBy(() -> calibration.requireModel("c3d4"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("a1b2")
        .hasMessageContaining("c3d4")
        .hasMessageContaining("calibrate");
  }

  @Test
  void aMissingFileIsNamed() {
    assertThatThrownBy(() -> Calibration.read(file, configuration))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("calibration.parquet: no such calibration");
  }

  @Test
  void aFileThatIsNotParquetIsRefused() throws IOException {
    Files.writeString(folder.resolve("calibration.parquet"), "not Parquet, but long enough");
    assertThatThrownBy(() -> Calibration.read(file, configuration))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("calibration.parquet");
  }

  @Test
  void theHashSeesEveryNumber() {
    KvCodec other =
        new KvCodec(
            List.of(
                List.of(head(1f), head(2f)),
                List.of(head(3f), head(4f)),
                List.of(head(5f), head(6.5f))),
            true);
    assertThat(
            new Calibration(calibration.spec(), "a1b2", List.of("ffff", "0000"), 123, other, null)
                .hash())
        .isNotEqualTo(calibration.hash());
  }

  @Test
  void theHashSeesRangesAndTokenScales() {
    HeadCodec head = head(6f);
    ChannelRange other = new ChannelRange(new float[] {-1, -1}, new float[] {1, 1});
    assertThat(
            List.of(
                hashWith(head, !head.tokenScaledValues(), head.keyRange(), head.valueRange()),
                hashWith(head, head.tokenScaledValues(), other, head.valueRange()),
                hashWith(head, head.tokenScaledValues(), head.keyRange(), other)))
        .doesNotContain(calibration.hash())
        .doesNotHaveDuplicates();
  }

  /** The calibration's hash with another last head. */
  private String hashWith(
      HeadCodec head, boolean tokenScaledValues, ChannelRange keyRange, ChannelRange valueRange) {
    HeadCodec other =
        new HeadCodec(
            head.key(),
            head.query(),
            head.value(),
            head.output(),
            head.keyCodebook(),
            head.valueCodebook(),
            tokenScaledValues,
            keyRange,
            valueRange);
    KvCodec codec =
        new KvCodec(
            List.of(
                List.of(head(1f), head(2f)), List.of(head(3f), head(4f)), List.of(head(5f), other)),
            true);
    return new Calibration(calibration.spec(), "a1b2", List.of("ffff", "0000"), 123, codec, null)
        .hash();
  }

  @Test
  void theOrderOfTheProteinsIsImmaterial() {
    assertThat(
            new Calibration(
                calibration.spec(),
                "a1b2",
                List.of("0000", "ffff"),
                123,
                calibration.codec(),
                null))
        .isEqualTo(calibration);
  }

  private static HeadCodec head(float scale) {
    AffineMap map =
        new AffineMap(2, new float[] {scale, 2, 3, 4 * scale}, new float[] {-scale, 0.5f});
    Codebook keys =
        new Codebook(
            new int[] {1, 3},
            new float[][] {{-scale, scale}, {-4, -3, -2, -1, 0, 1, 2, 3}},
            new float[][] {{0}, {-3, -2, -1, 0, 1, 2, 3}});
    Codebook values =
        new Codebook(
            new int[] {0, 2}, new float[][] {{0.25f}, {1, 2, 3, 4}}, new float[][] {{}, {1, 2, 3}});
    return new HeadCodec(
        map,
        map,
        map,
        map,
        keys,
        values,
        scale == 4f,
        new ChannelRange(new float[] {-scale, -2}, new float[] {scale, 7}),
        new ChannelRange(new float[] {-3 * scale, 0.5f}, new float[] {3 * scale, 6}));
  }
}
