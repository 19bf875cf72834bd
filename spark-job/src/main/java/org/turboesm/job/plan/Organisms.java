package org.turboesm.job.plan;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.regexp_extract;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.turboesm.TurboEsmException;

/**
 * Proteins split in two by their organism, as UniProt's headers name it ({@code OS=}): organisms go
 * to one half or the other by a hash of their names, so that close relatives may be in both, but no
 * organism is.
 *
 * @param first proteins of one half
 * @param second proteins of the other
 * @param firstOrganisms how many organisms the first half has
 * @param secondOrganisms how many the second has
 */
public record Organisms(
    Dataset<Row> first, Dataset<Row> second, long firstOrganisms, long secondOrganisms) {
  private static final String NAME = "OS=(.+?)(?: Split=.*)?(?: (?:OX|GN|PE|SV)=|$)";

  /**
   * Splits proteins.
   *
   * @param proteins of schema PROTEINS
   * @throws TurboEsmException if no two organisms are named
   */
  public static Organisms split(Dataset<Row> proteins) {
    Column organism = regexp_extract(col("description"), NAME, 1);
    List<String> names =
        proteins.select(organism).distinct().collectAsList().stream()
            .map(row -> row.getString(0))
            .filter(name -> !name.isEmpty())
            .toList();
    if (names.size() < 2) {
      throw new TurboEsmException(
          "the proteins' headers name "
              + names.size()
              + " organisms (OS=..., as in UniProt's FASTA); at least two are needed to split them");
    }
    Set<String> first = new TreeSet<>(byHash(names).subList(0, names.size() / 2));
    Column inFirst = organism.isInCollection(first);
    Column named = organism.notEqual("");
    return new Organisms(
        proteins.where(named.and(inFirst)),
        proteins.where(named.and(not(inFirst))),
        first.size(),
        names.size() - first.size());
  }

  private static List<String> byHash(List<String> names) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      TreeMap<String, String> ordered = new TreeMap<>();
      for (String name : names) {
        byte[] hash = sha256.digest(name.getBytes(StandardCharsets.UTF_8));
        ordered.put(HexFormat.of().formatHex(hash), name);
      }
      return List.copyOf(ordered.values());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
