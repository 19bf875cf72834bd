package org.turboesm.job.paper;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.turboesm.TurboEsmException;

/**
 * What the paper's repository reports, to print beside our own measurements of {@code
 * proteins.fasta}.
 *
 * @param model by its authors' name
 * @param device that it was measured on
 */
public record PaperFigures(
    Source source, String model, String device, KvCache kvCache, List<Protein> proteins) {
  /** The file beside the figures: proteins of the paper's kinds and lengths. */
  public static final String PROTEINS_RESOURCE = "/org/turboesm/job/paper/proteins.fasta";

  private static final String RESOURCE = "/org/turboesm/job/paper/reference.json";

  private static final ObjectMapper MAPPER =
      new ObjectMapper()
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);

  public PaperFigures {
    proteins = List.copyOf(proteins);
  }

  /**
   * Where the figures stand.
   *
   * @param paperDate year, month and day
   * @param commit of the repository
   */
  public record Source(String paper, String paperDate, String repository, String commit) {}

  /**
   * The size of the whole cache.
   *
   * @param tokens that it holds
   * @param fullPrecisionMib mebibytes in float32
   * @param packedMib mebibytes packed
   * @param ratio of the two
   */
  public record KvCache(int tokens, double fullPrecisionMib, double packedMib, double ratio) {}

  /**
   * One protein.
   *
   * @param id of the record of the same kind in {@code proteins.fasta}
   * @param tokens with the two that enclose the residues
   * @param decodeCosine of prefill, then decoding over the packed cache, to the original model
   */
  public record Protein(String id, String kind, int tokens, double decodeCosine) {}

  /** Reads the figures that the jar carries. */
  public static PaperFigures read() {
    try (InputStream resource = PaperFigures.class.getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        throw new TurboEsmException(RESOURCE + " is missing from the jar; build it anew");
      }
      return read(resource);
    } catch (IOException e) {
      throw new TurboEsmException(
          RESOURCE + " in the jar cannot be read: " + e.getMessage() + "; build the jar anew", e);
    }
  }

  static PaperFigures read(InputStream json) throws IOException {
    return MAPPER.readValue(json, PaperFigures.class);
  }
}
