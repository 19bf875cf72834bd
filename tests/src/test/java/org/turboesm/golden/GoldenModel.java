package org.turboesm.golden;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.SafetensorsFile;

/**
 * A model with the hidden states and logits that Hugging Face's EsmForMaskedLM gives for some
 * sequences, each run alone in float32; see tests/golden.
 *
 * @param folder of the model
 * @param sequences what is expected
 */
record GoldenModel(String name, Path folder, List<Sequence> sequences) {

  /**
   * One sequence.
   *
   * @param rows which of its tokens the expected values are of
   * @param hidden [layers + 1][rows * hidden]
   * @param logits [rows * vocabulary]
   */
  record Sequence(int[] tokens, int[] rows, float[][] hidden, float[] logits) {}

  /** Reads {@code golden/NAME}; the demo model itself comes from the jar. */
  static GoldenModel read(String name) {
    Path golden = resource("/golden/" + name);
    Path folder =
        Files.exists(golden.resolve("config.json"))
            ? golden
            : ModelLocator.locate(ModelLocator.DEMO);
    try (SafetensorsFile expected = SafetensorsFile.open(golden.resolve("expected.safetensors"))) {
      List<Sequence> sequences = new ArrayList<>();
      for (int n = 0; expected.tensors().containsKey("seq" + n + ".tokens"); n++) {
        sequences.add(sequence(expected, "seq" + n + "."));
      }
      return new GoldenModel(name, folder, sequences);
    }
  }

  private static Sequence sequence(SafetensorsFile expected, String prefix) {
    List<float[]> hidden = new ArrayList<>();
    for (int l = 0; expected.tensors().containsKey(prefix + "hidden" + l); l++) {
      hidden.add(expected.floats(prefix + "hidden" + l));
    }
    return new Sequence(
        expected.ints(prefix + "tokens"),
        expected.ints(prefix + "rows"),
        hidden.toArray(float[][]::new),
        expected.floats(prefix + "logits"));
  }

  private static Path resource(String name) {
    URL url = GoldenModel.class.getResource(name);
    if (url == null) {
      throw new IllegalStateException(name + " is not among the test resources");
    }
    try {
      return Path.of(url.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
